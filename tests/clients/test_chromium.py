"""What only a page does: it has types for bytes, is left, and dies."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.browser import chromium
from tests.clients.client import InChromium
from tests.clients.conftest import Town

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NewPage = Callable[[], Awaitable[InChromium]]


@pytest.fixture
async def new_page(town: Town, tmp_path: Path) -> AsyncIterator[NewPage]:
    async with (
        aiohttp.ClientSession() as http,
        chromium(tmp_path / "profile", http) as new_tab,
    ):

        async def new_page() -> InChromium:
            page = await InChromium.start(new_tab, town.url + "/")
            await page.open(town.room("hibernating"), [])
            assert await page.next() == ["open", ""]
            return page

        yield new_page


async def test_bytes_come_as_what_the_page_wants(new_page: NewPage) -> None:
    page = await new_page()
    message = b"\0\1\2\xff" * 50_000
    for kind, name in (("blob", "Blob"), ("arraybuffer", "ArrayBuffer"), ("blob", "Blob")):
        assert await page.tab.run(f"driver.binaryType('{kind}')") == kind
        await page.send(message)
        _, data, came_as = await page.tab.run("next()")
        assert (base64.b64decode(data), came_as) == (message, name)


async def test_a_tab_that_is_closed_leaves(new_page: NewPage, town: Town) -> None:
    """Chromium says so: a page that goes away is what 1001 is for (RFC 6455, section 7.4.1)."""
    page, other = await new_page(), await new_page()
    await page.tab.tell("Page.close")
    assert await town.closed() == [1001, "", True]
    await other.send("still here")
    assert await other.next() == ["text", "still here"]


async def test_a_tab_that_crashes_is_gone(new_page: NewPage, town: Town) -> None:
    page, other = await new_page(), await new_page()
    await page.tab.tell("Page.crash")
    code, _, was_clean = await town.closed()
    assert (code, was_clean) == (1001, True)
    await other.send("still here")
    assert await other.next() == ["text", "still here"]
