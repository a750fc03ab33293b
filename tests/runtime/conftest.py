"""What tests of the server share: programs that are really served."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from tests.child_forks import can_fork, fork_children
from tests.serving import SPLIT
from tests.town import Town

ON_BOTH_LOOPS = {"edge", "shards", "sockets", "test_asking.py", "test_server.py"}


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What meets the network is tested on the loop that ``perdure`` runs on, and on asyncio's.

    Of several processes each has a loop of its own, whatever the test's is.
    """
    if item.config.getoption("--shape") == SPLIT:
        return {"uvloop": uvloop.new_event_loop}
    if ON_BOTH_LOOPS & set(item.path.parts):
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def forked_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processes of a supervisor begin as forks."""
    if can_fork():
        fork_children(monkeypatch)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """A data directory with live actors, for the operator."""
    async with Town(tmp_path / "data") as town:
        yield town
