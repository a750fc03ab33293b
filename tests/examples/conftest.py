"""Each example is started as a person would start it, on a port of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from perdure.runtime.config.load import load
from perdure.runtime.config.variables import NO_VARS
from perdure.runtime.server import Server
from tests.serving import SPLIT, start_server

EXAMPLES = Path(__file__).parents[2] / "examples"


def pytest_asyncio_loop_factories(
    config: pytest.Config,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that ``perdure dev`` and ``perdure serve`` run on, and the one of asyncio.

    Of several processes each has a loop of its own, whatever the test's is.
    """
    if config.getoption("--shape") == SPLIT:
        return {"uvloop": uvloop.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def start(tmp_path: Path, shape: str) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Starts the program in a directory; started again, it finds its data."""
    running: list[Server] = []

    async def start(
        directory: Path, port: int = 0, variables: Mapping[str, str] = NO_VARS
    ) -> Server:
        loaded = load(directory / "wrangler.toml", var_overrides=variables)
        assert list(loaded.warnings) == []
        data_dir = tmp_path / "data" / directory.name
        server = await start_server(
            shape, loaded.config, data_dir=data_dir, host="127.0.0.1", port=port
        )
        running.append(server)
        return server

    yield start
    for server in running:
        await server.stop(drain_s=0)


@pytest.fixture
async def serve(start: Callable[[Path], Awaitable[Server]]) -> Callable[[str], Awaitable[str]]:
    """Starts the example of that name, and gives its URL."""

    async def serve(name: str) -> str:
        return (await start(EXAMPLES / name)).url

    return serve
