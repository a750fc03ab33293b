"""What tests of the server share: programs that are really served."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.serving import Serving


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    await serving.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
