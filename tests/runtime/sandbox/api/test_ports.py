"""Ports as a program exposes them, and who gets in."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.runtime.sandbox.inside import PORT
from tests.runtime.sandbox.served import Served, served
from tests.serving import Serving

pytestmark = pytest.mark.slow


@pytest.fixture
async def town(serve: Serving) -> AsyncIterator[Served]:
    async with served(serve) as town:
        yield town


async def test_an_exposed_port_is_seen_at_its_url_and_nowhere_else(town: Served) -> None:
    host = await town.preview("one")
    answer = await town.get(host, "/a%2Fb?c=%41&c=+")
    assert answer.status == 200
    seen = json.loads(answer.body)
    assert [seen["name"], seen["target"]] == ["one", "/a%2Fb?c=%41&c=+"]
    assert ["Host", f"localhost:{PORT}"] in seen["fields"]
    assert (await town.get("localhost")).text == "the Worker"
