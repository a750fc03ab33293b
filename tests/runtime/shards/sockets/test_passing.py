"""A server of two halves with a link between them: clients here, actors there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from perdure.actors.clock import SystemClock
from perdure.actors.link import NoPeer
from perdure.runtime.actor_side import ActorSide
from perdure.runtime.front_side import FrontSide
from perdure.runtime.host.loader import load_app
from perdure.runtime.host.migration_plan import Namespace
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.kinds import DROP, SEVER, TAKE
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.link.streams import Streams
from perdure.runtime.shards.sockets.held_sockets import HeldSocket, HeldSockets
from perdure.runtime.shards.sockets.linked_sockets import LinkedSockets
from perdure.runtime.shards.sockets.passing import (
    NOBODY,
    USED_LATE,
    BorrowedSocket,
    BorrowedSockets,
    LentSockets,
)
from perdure.runtime.shards.sockets.reading import HeldLimits
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import InternalError
from tests.runtime.shards.link.ends import A_ROUTER, A_WORKER, joined, until
from tests.runtime.shards.sockets.test_held_sockets import Client
from tests.serving import Serving

MAIN = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/count":
                return Response.json(self.ctx.storage.kv.get("count") or 0)
            client, server = WebSocketPair()
            if path == "/hibernating":
                self.ctx.accept_web_socket(server)
            else:
                server.accept()
                server.on_message = lambda event: self.web_socket_message(server, event.data)
            return Response(None, status=101, web_socket=client, headers={"X-Room": "yes"})

        def web_socket_message(self, ws, message):
            count = (self.ctx.storage.kv.get("count") or 0) + 1
            self.ctx.storage.kv.put("count", count)
            self.ctx.broadcast(f"{message} {count}")

        def web_socket_close(self, ws, code, reason, was_clean):
            self.ctx.storage.kv.put("count", f"closed with {code}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            response = await self.env.ROOM.get_by_name("r").fetch(request)
            if request.parsed_url.path == "/dropped":
                return Response("another")
            return response
"""


@dataclass
class Halves:
    """Both halves, and what they tell.

    Attributes:
        url: Of the clients' half.
    """

    url: str
    lent: LentSockets
    held: HeldSockets


class Fates:
    """An ``OnHeld`` that notes."""

    def __init__(self) -> None:
        self.was_orphaned: list[HeldSocket] = []
        self.was_over: list[HeldSocket] = []

    def orphaned(self, held: HeldSocket) -> None:
        self.was_orphaned.append(held)

    def early(self, held: HeldSocket, socket: BorrowedSocket) -> None:
        held.sever(1012, f"there is no link to {socket.ref.slot}")

    def over(self, held: HeldSocket) -> None:
        self.was_over.append(held)


@asynccontextmanager
async def halves(serve: Serving, root: Path) -> AsyncIterator[tuple[Halves, Fates]]:
    config = serve.write(MAIN, objects=["Room"])
    loop = asyncio.get_running_loop()
    async with joined(one=A_ROUTER) as (router, worker), AsyncExitStack() as cleanup:
        directory = cleanup.enter_context(DataDirectory.open(root / "data"))
        index = AlarmIndex(directory.layout.alarms_file)
        cleanup.callback(index.close)
        actors = ActorSide(config, SystemClock(loop), loop, cleanup)
        actors.open_store(directory.layout, index)
        namespaces = {"app": {"Room": Namespace("app-Room", "Room", "sqlite")}}
        actors.assemble([load_app(config)], namespaces)
        assert A_WORKER.slot is not None
        lent = LentSockets(A_WORKER.slot, A_WORKER.generation)
        lent.serve(worker, LinkedSockets(worker))
        LinkCalls(worker, Streams(worker), lent, entrypoint=actors.worker)

        fates, held = Fates(), HeldSockets(router)
        borrowed = BorrowedSockets(loop, HeldLimits(), fates)
        borrowed.add_worker(A_WORKER.slot, A_WORKER.generation, held)
        calls = LinkCalls(router, Streams(router), borrowed)
        front = FrontSide(config, loop, cleanup, {})
        front.assemble(calls, None)
        await front.listen("127.0.0.1", 0)
        yield Halves(front.url, lent, held), fates
        front.close_port()
        await front.close(loop.time())
        await front.port_closed()
        actors.close("the test is over")


@pytest.mark.parametrize("path", ["/standard", "/hibernating"])
async def test_clients_speak_with_an_actor_over_the_link(
    serve: Serving, tmp_path: Path, path: str
) -> None:
    async with halves(serve, tmp_path) as (both, fates), aiohttp.ClientSession() as session:
        one = await session.ws_connect(both.url + path)
        other = await session.ws_connect(both.url + path)
        assert one._response.headers["X-Room"] == "yes"
        for number, (speaker, said) in enumerate(((one, "a"), (other, "b"), (one, "c")), 1):
            await speaker.send_str(said)
            for hearer in (one, other):
                assert await hearer.receive_str(timeout=60) == f"{said} {number}"
        assert (len(both.held), len(both.lent)) == (2, 0)
        assert {held.whose[0] for held in both.held if held.whose} == {"app-Room"}
        assert all(held.whose for held in both.held)
        async with session.get(both.url + "/count") as response:
            assert await response.json() == 3
        await one.close(code=4001)
        assert one.close_code == 4001
        await until(lambda: len(fates.was_over) == 1)
        if path == "/hibernating":
            async with session.get(both.url + "/count") as response:
                assert await response.json() == "closed with 4001"
        await other.close()
        await until(lambda: len(fates.was_over) == 2)
        assert len(both.held) == 0
        assert fates.was_orphaned == []


async def test_everything_a_client_has_said_is_acknowledged(serve: Serving, tmp_path: Path) -> None:
    async with halves(serve, tmp_path) as (both, _), aiohttp.ClientSession() as session:
        client = await session.ws_connect(both.url + "/hibernating")
        for number in range(50):
            await client.send_str(str(number))
        for number in range(50):
            assert await client.receive_str(timeout=60) == f"{number} {number + 1}"
        [held] = both.held
        await until(lambda: len(held.unacknowledged) == 0)
        await client.close()


async def test_a_socket_that_nobody_wants_is_let_go_of(serve: Serving, tmp_path: Path) -> None:
    async with halves(serve, tmp_path) as (both, _), aiohttp.ClientSession() as session:
        async with session.get(both.url + "/hibernating") as response:  # asks for no upgrade
            assert response.status == 500
        async with session.get(both.url + "/dropped") as response:
            assert await response.text() == "another"
        await until(lambda: len(both.lent) == 0)
        async with session.get(both.url + "/count") as response:
            assert await response.json() == "closed with 1006"


async def test_a_reference_to_a_process_that_has_gone_ends_its_client() -> None:
    client = Client()
    borrowed = BorrowedSockets(asyncio.get_running_loop(), HeldLimits(), Fates())
    socket = borrowed.borrow(SocketRef("0", 1, 1))
    assert socket.can_be_handed_over
    socket.hand_over(client)  # type: ignore[arg-type]  # a connection, as far as it is asked
    assert client.said == [("severed", 1012, "there is no link to 0")]
    assert not socket.can_be_handed_over
    borrowed.borrow(SocketRef("0", 1, 2)).hand_over(NoPeer())
    with pytest.raises(InternalError, match="a router has no sockets to lend"):
        borrowed.lend(socket)
    with pytest.raises(LinkBroken, match="a router has no sockets to lend"):
        LentSockets("0", 1).borrow(SocketRef("1", 1, 1))


class End:
    """The end of a WebSocket, as far as it is asked."""

    handed_over: object = None
    can_be_handed_over = True

    def hand_over(self, link: object) -> None:
        self.handed_over = link


async def test_a_socket_that_was_used_or_is_lent_already_is_not_lent() -> None:
    lent, used, twice = LentSockets("0", 2), End(), End()
    used.can_be_handed_over = False
    lent.lend(twice)  # type: ignore[arg-type]  # nothing else is asked of it
    for end in (used, twice):
        with pytest.raises(TypeError, match="after calling accept"):
            lent.lend(end)  # type: ignore[arg-type]  # likewise
    assert len(lent) == 1


async def test_a_socket_that_is_used_while_it_is_lent_costs_nobody_else_the_link() -> None:
    async with joined(one=A_ROUTER) as (router, worker):
        lent, taken, dropped = LentSockets("0", 2), End(), End()
        lent.serve(worker, LinkedSockets(worker))
        severed: list[list[object]] = []
        router.handle(SEVER, severed.append)
        refs = [lent.lend(end) for end in (taken, dropped)]  # type: ignore[arg-type]  # as above
        taken.can_be_handed_over = dropped.can_be_handed_over = False
        router.send([TAKE, refs[0].number, 7])
        router.send([DROP, refs[1].number])
        await until(lambda: bool(severed) and len(lent) == 0)
        assert severed == [[SEVER, 7, 1011, USED_LATE]]
        assert worker.ended is None
        assert taken.handed_over is dropped.handed_over is None


async def test_a_socket_is_taken_once() -> None:
    async with joined(one=A_ROUTER) as (router, worker):
        lent, end = LentSockets("0", 2), End()
        lent.serve(worker, LinkedSockets(worker))
        ref = lent.lend(end)  # type: ignore[arg-type]  # nothing else is asked of it
        for session in (7, 8):
            router.send([24, ref.number, session])
        await until(lambda: worker.ended)
        assert getattr(end.handed_over, "session", None) == 7
        assert isinstance(worker.ended, LinkBroken)
        assert str(worker.ended) == f"socket {ref.number} was not lent, or was taken already"


async def test_who_has_gone_does_not_come_and_who_comes_too_late_is_told_so() -> None:
    async with joined(one=A_ROUTER) as (router, worker), joined() as (gone, link):
        lent, end, other = LentSockets("0", 2, let_go_s=0.0), End(), End()
        for served in (worker, link):
            lent.serve(served, LinkedSockets(served))
        severed: list[list[object]] = []
        router.handle(SEVER, severed.append)
        ref = lent.lend(end, link)  # type: ignore[arg-type]  # nothing else is asked of it
        lent.lend(other, worker)  # type: ignore[arg-type]  # likewise
        gone.close("it has gone")
        await until(lambda: isinstance(end.handed_over, NoPeer))
        assert (len(lent), other.handed_over) == (1, None)
        router.send([TAKE, ref.number, 7])
        await until(lambda: severed)
        assert severed == [[SEVER, 7, 1012, NOBODY]]
        assert worker.ended is None


async def test_nobody_uses_a_socket_in_a_process_without_user_code() -> None:
    borrowed = BorrowedSockets(asyncio.get_running_loop(), HeldLimits(), Fates())
    socket = borrowed.borrow(SocketRef("0", 1, 1))
    for use in (
        socket.accept,
        lambda: socket.send("x"),
        socket.close,
        lambda: socket.add_event_listener("message", print),
        lambda: socket.remove_event_listener("message", print),
        socket.__aiter__,
    ):
        with pytest.raises(InternalError, match="no user code runs here"):
            use()
