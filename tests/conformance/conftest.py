"""Sentences of the public documentation, each tried in a program of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.conformance.sentence import Sentence
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


@pytest.fixture
def sentence(serve: Serving, http: aiohttp.ClientSession) -> Sentence:
    return Sentence(serve, http)
