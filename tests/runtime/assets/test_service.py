"""``env.ASSETS``: files as a program asks for them."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from perdure.actors.errors import NoSuchMethod
from perdure.actors.events import FetchEvent
from perdure.actors.http import Request, Response
from perdure.actors.service_stub import ServiceStub
from perdure.runtime.assets.directory import AssetDirectory
from perdure.runtime.assets.service import AssetsService
from perdure.runtime.config.assets import HTML_HANDLING, NOT_FOUND_HANDLING
from perdure.runtime.config.model import AssetsConfig, ServiceBinding
from tests.runtime.assets.conftest import Site, ask, table
from tests.serving import Serving

NATIVE = """
from perdure import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        response = await self.env.ASSETS.fetch(request)
        if response.status == 404:
            return Response("nothing there", 404)
        return response
"""
WORKERS = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        page = await self.env.ASSETS.fetch("https://assets.local/index.html")
        text = await page.text()
        return Response(f"{page.status} {page.headers['content-type']} {text.upper()}")
"""


async def test_a_native_program_passes_a_file_on(site: Site) -> None:
    long = os.urandom(300_000).hex()
    site.put("page.html")
    site.put("long.txt", long)
    server = await site.serve(NATIVE, binding="ASSETS", run_worker_first=True)
    status, text, fields = await ask(server, "/page")
    assert (status, text) == (200, "page.html")
    assert (await ask(server, "/page", If_None_Match=fields["ETag"]))[0] == 304
    status, _, fields = await ask(server, "/page.html")
    assert (status, fields["Location"]) == (307, "/page")
    assert (await ask(server, "/x"))[:2] == (404, "nothing there")
    assert (await ask(server, "/long.txt"))[:2] == (200, long)
    status, text, fields = await ask(server, "/long.txt", Range="bytes=1-100000")
    assert (status, text) == (206, long[1:100_001])
    assert fields["Content-Range"] == "bytes 1-100000/600000"


async def test_a_program_in_workers_style_reads_a_file(site: Site) -> None:
    site.put("index.html", "<p>hello</p>")
    server = await site.serve(WORKERS, binding="ASSETS", run_worker_first=["/api"])
    status, text, _ = await ask(server, "/api")
    assert (status, text) == (200, "200 text/html; charset=utf-8 <P>HELLO</P>")


async def test_each_of_several_workers_has_its_own(site: Site, serve: Serving) -> None:
    site.put("page.html", "of the first")
    other = site.root.with_name("other")
    other.mkdir()
    (other / "page.html").write_text("of the other")
    second = replace(serve.write(NATIVE, toml=table(other, binding="ASSETS")), name="other")
    main = NATIVE.replace("self.env.ASSETS", 'getattr(self.env, request.parsed_url.query["of"])')
    toml = table(site.root, binding="ASSETS", run_worker_first=True)
    first = replace(
        serve.write(main, toml=toml), services=(ServiceBinding("OTHER", "other"),), others=(second,)
    )
    server = await serve.start(first)
    assert (await ask(server, "/page?of=ASSETS"))[1] == "of the first"
    assert (await ask(server, "/page?of=OTHER"))[1] == "of the other"


def stub(root: Path, **keys: str) -> ServiceStub:
    config = replace(AssetsConfig(root, "ASSETS"), **keys)  # type: ignore[arg-type]
    return ServiceStub(AssetsService("app", AssetDirectory(config)))


async def test_redirects_are_followed_if_the_request_says_so(tmp_path: Path) -> None:
    (tmp_path / "@a.html").write_text("page")
    assets = stub(tmp_path)
    assert await (await assets.fetch("http://x/@a.html")).text() == "page"
    assert await (await assets.fetch("http://x/%40a")).text() == "page"
    manual = await assets.fetch(Request("http://x/@a.html?q", redirect="manual"))
    assert manual.status == 307


async def test_it_has_no_methods(tmp_path: Path) -> None:
    assets = stub(tmp_path)
    assert repr(assets) == "<ServiceStub the assets of app>"
    with pytest.raises(NoSuchMethod, match='does not implement the method "list"'):
        await assets.list()


async def test_a_file_that_has_gone_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    assets = stub(tmp_path)
    path.unlink()
    assert (await assets.fetch("http://x/a.txt")).status == 404


TRICKS = ("..", "%2e%2e", "..%2f", ".", "%2f", "%5c", "%00", "%C0%AE%C0%AE", "..;", "~")
NAMES = (
    "r",
    "s",
    "_redirects",
    "link",
    "folder",
    "public",
    "secret",
    "secret.html",
    "a",
    "up",
    "b",
    "index.html",
)
ASCII = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#")
PARTS = st.sampled_from([*TRICKS, *NAMES]) | st.text(ASCII, max_size=4)
PATHS = st.lists(PARTS, max_size=6).map(lambda parts: "/" + "/".join(parts))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of assets among files that are nobody's to read."""
    root = tmp_path_factory.mktemp("house")
    for name in ("secret", "secret.html", "index.html", "404.html", "public2/secret"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("SECRET")
    public = root / "public"
    (public / "a").mkdir(parents=True)
    for name in ("index.html", "a/index.html", "a.html", "a/b"):
        (public / name).write_text("public")
    (public / ".env").write_text("SECRET")
    (public / "_redirects").write_text("/r/* /:splat 200\n/s/* /:splat\n")
    (public / "link").symlink_to("../secret")
    (public / "link.html").symlink_to("../secret.html")
    (public / "folder").symlink_to("..")
    (public / "a" / "up").symlink_to("../..")
    return public


@given(PATHS, st.sampled_from(HTML_HANDLING), st.sampled_from(NOT_FOUND_HANDLING))
@example("/link", HTML_HANDLING[0], "none")
@example("/r/link", HTML_HANDLING[0], "none")
@example("/folder/secret", HTML_HANDLING[0], "none")
def test_no_path_leads_outside(house: Path, path: str, html: str, missing: str) -> None:
    async def get(path: str) -> tuple[int, str]:
        config = AssetsConfig(house, html_handling=html, not_found_handling=missing)
        service = AssetsService("app", AssetDirectory(config))
        answered = asyncio.get_running_loop().create_future()
        request = Request.incoming("GET", f"http://x{path}", CIMultiDict[str]())
        request.redirect = "follow"

        def replied(response: Response | None, failure: bytes | None) -> None:
            answered.set_result((response, failure))

        service.deliver(FetchEvent(request), replied)
        response, failure = await answered
        assert failure is None
        return response.status, await response.text()

    assert asyncio.run(get(path)) in {(200, "public"), (404, "")}
