"""What a browser shows while the newest code cannot be imported."""

from pathlib import Path

import aiohttp
import pytest

from tests.browser import Tab, chromium
from tests.cli.process import Start
from tests.cli.test_dev_session import PROGRAM

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

NOTE = "document.querySelector('[data-perdure=problem]')"


async def test_the_page_of_the_last_good_code_says_what_is_wrong(
    start: Start, project: Path, tmp_path: Path
) -> None:
    main = project / "src" / "main.py"
    main.write_text(PROGRAM)
    running = await start("dev", "--port", 0)
    url = await running.ready()
    async with (
        aiohttp.ClientSession() as http,
        chromium(tmp_path / "profile", http) as new_tab,
    ):
        tab = Tab(await new_tab())
        await tab.open(url)
        assert await tab.run(f"{NOTE} === null")
        main.write_text(PROGRAM.replace("first", "second") + "\n<b>no Python</b>\n")
        await running.message("Not reloaded")
        await tab.open(url)
        while await tab.run(f"{NOTE} === null"):  # the router has yet to hear of it
            await tab.open(url)
        assert await tab.run("document.querySelector('h1').textContent") == "first"
        assert "<b>no Python</b>" in await tab.run(f"{NOTE}.textContent")
        assert await tab.run(f"{NOTE}.getBoundingClientRect().bottom === innerHeight")
        fetched = await tab.run("fetch('/').then(answer => answer.text())")
        assert fetched == "<h1>first</h1>", "a script gets what it asked for"
        main.write_text(PROGRAM.replace("first", "second"))
        await running.message("Reloaded in")
        await tab.open(url)
        while await tab.run(f"{NOTE} !== null"):
            await tab.open(url)
        assert await tab.run("document.querySelector('h1').textContent") == "second"
