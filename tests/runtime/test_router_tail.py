"""Who follows a server hears of what its routers see."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.host.operations.tailing import Followed
from perdure.runtime.router_tail import RouterTail
from perdure.storage.errors import InternalError
from perdure.storage.layout import Layout
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import MAIN, running
from tests.serving import Serving
from tests.town import Listener


async def test_a_router_has_events_and_nothing_else(tmp_path: Path) -> None:
    followed: Followed = RouterTail(Layout(tmp_path), {})
    assert followed.owns("app-Room", bytes(32))
    with pytest.raises(InternalError, match="no data to do 'show' with"):
        await RouterTail(Layout(tmp_path), {}).run("show", {}, Listener())


async def test_requests_and_messages_of_clients_are_followed(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with running(config, data, workers=1) as server, aiohttp.ClientSession() as session:
        everything, of_one = Listener(), Listener()
        async with operate_on(data, {}) as all_events, operate_on(data, {}) as some_events:
            wanted = {"events": ["request", "message", "websocket"]}
            following = [
                asyncio.ensure_future(all_events.run("tail", wanted, everything)),
                asyncio.ensure_future(some_events.run("tail", {"name": "b"}, of_one)),
            ]
            await until(lambda: everything.items and of_one.items)
            for name in "ab":
                client = await session.ws_connect(f"{server.url}/{name}/socket")
                await client.send_str("hello")
                await client.receive_str(timeout=20)
                await client.close()

            def events(listener: Listener, name: str) -> list[dict[str, object]]:
                found = [event for item in listener.items for event in item["events"]]
                return [event for event in found if event["event"] == name]

            closed = "websocket.connection.closed"
            await until(lambda: len(events(everything, closed)) == 2 and events(of_one, closed))
            requests = [(one["path"], one["status"]) for one in events(everything, "request")]
            assert requests == [("/a/socket", 101), ("/b/socket", 101)]
            received = events(everything, "message.received")
            assert [(one["namespace"], one["name"]) for one in received] == [
                ("Room", "a"),
                ("Room", "b"),
            ]
            assert all(isinstance(one["socket"], str) for one in received)
            assert [one["name"] for one in events(of_one, "message.received")] == ["b"]
            await server.stop(drain_s=10)
            assert [result["lost"] for result in await asyncio.gather(*following)] == [0, 0]
