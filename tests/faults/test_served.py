"""What an operator and the clients see of ``perdure serve`` when the disk fails it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from perdure.actors.ids import IdFactory
from perdure.storage.layout import Layout
from tests.faults.served import Refused, Served
from tests.faults.strace import Fault, count_injected, needs_strace
from tests.faults.tally import Tally

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ALL = os.environ.get("PERDURE_FAULTS") == "all"
ERRORS = ["EIO", "ENOSPC"] if ALL else ["EIO"]
# What the counters of others say in one server after the other.
VALUES = [2, 3] if ALL else [2]
NAMES = ["a", "b", "c", "d"]
Make = Callable[..., Served]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Servers of one data directory."""
    made: list[Served] = []

    def make_one(wrapper: list[str] | None = None) -> Served:
        made.append(Served(tmp_path / "data", wrapper or []))
        return made[-1]

    yield make_one
    for server in made:
        await server.kill()


async def count_until_refused(
    server: Served, http: aiohttp.ClientSession, name: str, told: dict[str, int]
) -> int:
    """One client; return what it was answered at last, 0 for nothing."""
    while True:
        try:
            told[name] = await server.count(http, name)
        except Refused as refused:
            return refused.status
        except aiohttp.ClientError:
            return 0


async def all_of(things: list[Awaitable[int]]) -> list[int]:
    return list(await asyncio.gather(*things))


@needs_strace
@pytest.mark.parametrize("how", ERRORS)
async def test_an_error_of_the_log_ends_the_server_and_the_next_one_recovers(
    make: Make, http: aiohttp.ClientSession, tmp_path: Path, tally: Tally, how: str
) -> None:
    trace = tmp_path / "trace"
    fault = Fault("log", "fdatasync", how, "40")
    server = make(fault.wrapper(tmp_path / "data", trace))
    await server.start()
    told: dict[str, int] = {}
    clients = [count_until_refused(server, http, name, told) for name in NAMES]
    assert set(await all_of(list(clients))) <= {0, 500, 503}
    code, said = await server.ended()
    assert count_injected(trace) == 1
    assert code == 1
    last_words = said[said.index("error: ") :]
    assert last_words.startswith(
        f"error: {tmp_path / 'data' / 'log' / '0'}: the commit log failed, and all storage of"
    )
    assert "Mend the disk or make room on it, and start again" in last_words
    assert "Traceback" not in last_words
    await (successor := make()).start()
    for name in NAMES:
        assert told[name] <= await successor.value(http, name) <= told[name] + 1
        assert await successor.count(http, name) > told[name]
    await successor.stop()
    tally.add("injected errors")
    tally.checked += sum(told.values())


async def test_a_second_server_is_refused_and_the_first_is_undisturbed(
    make: Make, http: aiohttp.ClientSession, tally: Tally
) -> None:
    first, second = make(), make()
    await first.start()
    assert await first.count(http, "a") == 1
    await second.launch()
    code, said = await second.ended()
    assert code == 1
    assert f"is in use by process {first.pid}" in said
    assert "Stop that server, or name another directory with --data" in said
    assert await first.count(http, "a") == 2
    await first.stop()
    tally.add("second openers refused")


async def test_a_damaged_actor_is_told_and_others_go_on(
    make: Make, http: aiohttp.ClientSession, tmp_path: Path, tally: Tally
) -> None:
    await (server := make()).start()
    for name in NAMES:
        assert await server.count(http, name) == 1
    await server.stop()
    files = {file_of(tmp_path, name): name for name in NAMES}
    damaged, *_ = files
    data = damaged.read_bytes()
    damaged.write_bytes(data[:4096] + bytes([0x5A]) * (len(data) - 4096))
    for value in VALUES:  # as long as nobody has set it back, whoever serves it
        await (server := make()).start()
        for file, name in files.items():
            if file == damaged:
                with pytest.raises(Refused) as caught:
                    await server.count(http, name)
                assert caught.value.status == 500
            else:
                assert await server.count(http, name) == value
        said = await server.kill()
        assert f"Durable Object '{files[damaged]}'" in said
        assert "is in quarantine since" in said
        assert "Set it back with: perdure actors restore" in said
    tally.add("damaged directories")


def file_of(directory: Path, name: str) -> Path:
    """The file of a counter; its namespace is the only one."""
    (namespace,) = (directory / "data" / "actors").iterdir()
    actor_id = IdFactory(namespace.name)._id_from_name(name)
    return Layout(directory / "data").actor_file(namespace.name, str(actor_id))
