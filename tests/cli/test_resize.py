"""``perdure resize``: another number of workers."""

import json
import signal

import aiohttp
import pytest

from tests.cli.process import Start
from tests.cli.test_reload import listening
from tests.cli.test_serve import children_of, get


@pytest.mark.slow
@pytest.mark.timeout(300)  # several processes, each of which imports everything
async def test_a_server_goes_on_with_another_number_of_workers(start: Start) -> None:
    running = await start("serve", "--port", 0, "--workers", 1)
    url = await running.ready()
    async with aiohttp.ClientSession() as session, listening(session, url) as heard:
        assert await heard.get() == "visit 1"
        ended = await (await start("resize", 2)).ended()
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == "2 workers, 1 before; 53% of all objects are in another one.\n"
        assert await heard.get() == "visit 2", "its request was replayed"
        assert len(children_of(running.pid, "worker_process")) >= 2
        told = json.loads((await (await start("resize", 1, "--json")).ended()).out)
        assert (told["before"], told["workers"]) == (2, 1)
        assert await heard.get() == "visit 3"
        assert await get(url) == (200, "visit 4")
        again = await (await start("resize", 1)).ended()
        assert again.out == "1 worker, 1 before.\n"
        assert (await (await start("resize", 0)).ended()).code == 2
    assert (await running.stop(signal.SIGTERM)).code == 0
