"""A port that has somebody to say why nobody else does."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.errors import PortTaken
from perdure.runtime.stand_in import CHANGED_PATH, StandIn
from perdure.runtime.starting import Launch
from tests.serving import Serving

MAIN = "from perdure import WorkerEntrypoint as Default"
HTML = {"Accept": "text/html"}


def launch(folder: Path, port: int = 0) -> Launch:
    return Launch(data_dir=folder / "data", host="127.0.0.1", port=port)


async def test_pages_are_shown_the_problem_and_hear_of_the_next(
    serve: Serving, tmp_path: Path
) -> None:
    records: list[RequestRecord] = []
    stand_in = await StandIn.start(
        serve.write(MAIN), launch(tmp_path), "main.py: <broken>\n  at 3", records.append
    )
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{stand_in.url}/x", headers=HTML) as response:
            page = await response.text()
            assert (response.status, response.content_type) == (500, "text/html")
            assert "main.py: &lt;broken&gt;\n  at 3</pre>" in page
            assert f'fetch("{CHANGED_PATH}")' in page
        async with session.post(f"{stand_in.url}/y") as response:
            assert (response.status, response.content_type) == (500, "text/plain")
            assert await response.text() == "main.py: <broken>\n  at 3\n"
        for end in (False, True):
            waits = asyncio.ensure_future(session.get(stand_in.url + CHANGED_PATH))
            while not stand_in.is_waited_for:
                await asyncio.sleep(0)
            if end:
                await stand_in.close()
            else:
                stand_in.problem = "another"
            assert (await waits).status == 204
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(stand_in.url)
    assert [record.path for record in records] == ["/x", "/y"]


async def test_its_ports_outlive_it_in_copies(serve: Serving, tmp_path: Path) -> None:
    stand_in = await StandIn.start(serve.write(MAIN), launch(tmp_path), "broken", lambda _: None)
    (copy,) = [one.dup() for one in stand_in.sockets]
    await stand_in.close()
    with copy, pytest.raises(PortTaken):
        await StandIn.start(
            serve.write(MAIN), launch(tmp_path, stand_in.port), "broken", lambda _: None
        )
