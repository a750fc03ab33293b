"""Which requests a server with assets answers with a file."""

import asyncio
import os
from dataclasses import replace

import pytest

from perdure.runtime.server import Server
from tests.runtime.assets.conftest import WORKER, Site, ask, table
from tests.serving import Serving


async def told(server: Server, path: str, method: str = "GET", **headers: str) -> str:
    status, text, fields = await ask(server, path, method, **headers)
    return f"{status} {fields.get('Location', text)}".strip()


async def test_files_are_served_and_the_worker_answers_everything_else(site: Site) -> None:
    for name in ("index.html", "about.html", "docs/index.html", "logo.svg"):
        site.put(name)
    server = await site.serve()
    assert await told(server, "/") == "200 index.html"
    assert await told(server, "/about") == "200 about.html"
    assert await told(server, "/about.html?a=1") == "307 /about?a=1"
    assert await told(server, "/docs") == "307 /docs/"
    assert await told(server, "/logo.svg") == "200 logo.svg"
    assert await told(server, "/api/rooms") == "200 Worker: GET /api/rooms"
    assert await told(server, "/api/rooms", "POST") == "200 Worker: POST /api/rooms"


async def test_a_files_head_is_as_wranglers(site: Site) -> None:
    site.put("style.css", "body {}")
    server = await site.serve()
    status, text, fields = await ask(server, "/style.css")
    assert (status, text) == (200, "body {}")
    assert fields["Content-Type"] == "text/css; charset=utf-8"
    assert fields["Content-Length"] == "7"
    assert fields["Cache-Control"] == "public, max-age=0, must-revalidate"
    status, text, again = await ask(server, "/style.css", If_None_Match=fields["ETag"])
    assert (status, text, again["ETag"]) == (304, "", fields["ETag"])
    status, text, head = await ask(server, "/style.css", "HEAD")
    assert (status, text, head["Content-Length"]) == (200, "", "7")
    status, _, refused = await ask(server, "/style.css", "POST")
    assert (status, refused["Allow"]) == (405, "GET, HEAD")


async def test_a_long_file_arrives_whole(site: Site) -> None:
    content = os.urandom(700_000).hex()
    site.put("long.txt", content)
    server = await site.serve()
    status, text, fields = await ask(server, "/long.txt")
    assert (status, fields["Content-Length"]) == (200, "1400000")
    assert text == content
    assert (await ask(server, "/long.txt", "HEAD"))[2]["Content-Length"] == "1400000"


async def test_a_part_of_a_file_arrives(site: Site) -> None:
    content = os.urandom(700_000).hex()
    site.put("long.mp4", content)
    site.put("_headers", "/*\n  X-Served: here")
    server = await site.serve(not_found_handling="404-page")
    for asked, first, last in (
        ("bytes=0-1", 0, 1),
        ("bytes=1000-900000", 1000, 900_000),
        ("bytes=-5", 1_399_995, 1_399_999),
    ):
        status, text, fields = await ask(server, "/long.mp4", Range=asked)
        assert (status, text == content[first : last + 1]) == (206, True)
        assert fields["Content-Range"] == f"bytes {first}-{last}/1400000"
        assert fields["Content-Type"] == "video/mp4"
        assert (fields["Accept-Ranges"], fields["X-Served"]) == ("bytes", "here")
        tag = fields["ETag"]
    status, text, fields = await ask(server, "/long.mp4", Range="bytes=1400000-")
    assert (status, text, fields["Content-Range"]) == (416, "", "bytes */1400000")
    status, text, fields = await ask(server, "/long.mp4", Range="bytes=0-1", If_Range=tag)
    assert (status, text) == (206, content[:2])
    status, text, fields = await ask(server, "/long.mp4", Range="bytes=0-1", If_Range='"other"')
    assert (status, text == content) == (200, True)
    head = await ask(server, "/long.mp4", "HEAD", Range="bytes=0-1")
    assert (head[0], head[2]["Content-Length"]) == (200, "1400000")


async def test_a_path_has_one_spelling(site: Site) -> None:
    site.put("a b/[c].html")
    server = await site.serve()
    assert await told(server, "/a%20b/%5Bc%5D") == "200 a b/[c].html"
    assert await told(server, "/a%20b/[c]") == "307 /a%20b/%5Bc%5D"
    assert await told(server, "//a%20b%2F%5Bc%5D") == "307 /a%20b/%5Bc%5D"


async def test_the_worker_may_be_first(site: Site) -> None:
    site.put("index.html")
    server = await site.serve(run_worker_first=True)
    assert await told(server, "/") == "200 Worker: GET /"


async def test_the_worker_may_be_first_for_some_paths(site: Site) -> None:
    for name in ("index.html", "api/x.html", "api/docs/x.html"):
        site.put(name)
    server = await site.serve(
        run_worker_first=["/api/*", "!/api/docs/*"], not_found_handling="single-page-application"
    )
    assert await told(server, "/api/x") == "200 Worker: GET /api/x"
    assert await told(server, "/api/docs/x") == "200 api/docs/x.html"
    # Where paths are divided, what no file is found for is no longer the Worker's.
    assert await told(server, "/api/docs/y") == "200 index.html"
    assert await told(server, "/room/1") == "200 index.html"
    assert await told(server, "/room/1", "POST") == "405"


async def test_a_path_that_is_kept_from_the_worker_may_be_nothing(site: Site) -> None:
    server = await site.serve(run_worker_first=["/*", "!/static/*"])
    assert await told(server, "/static/x") == "404"
    assert await told(server, "/x") == "200 Worker: GET /x"


async def test_a_browser_that_navigates_gets_the_single_page(site: Site) -> None:
    site.put("index.html")
    server = await site.serve(not_found_handling="single-page-application")
    assert await told(server, "/room/1", Sec_Fetch_Mode="navigate") == "200 index.html"
    assert await told(server, "/room/1", Sec_Fetch_Mode="cors") == "200 Worker: GET /room/1"
    platforms = "/cdn-cgi/x"
    assert (
        await told(server, platforms, Sec_Fetch_Mode="navigate") == f"200 Worker: GET {platforms}"
    )


async def test_a_browser_that_navigates_gets_the_nearest_404_page(site: Site) -> None:
    site.put("404.html")
    site.put("docs/404.html")
    server = await site.serve(not_found_handling="404-page")
    assert await told(server, "/x/y", Sec_Fetch_Mode="navigate") == "404 404.html"
    assert await told(server, "/docs/y", Sec_Fetch_Mode="navigate") == "404 docs/404.html"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/x/..%2f..%2fsecret",
        "/%2e%2e%5csecret",
        "/link",
        "/folder/secret",
        "/index.html%00",
        "/%00",
        "/.env",
        "/.assetsignore",
        "/%2fetc/passwd",
    ],
)
async def test_nothing_else_is_served(site: Site, path: str) -> None:
    for name in ("x/index.html", ".env", ".assetsignore", "../secret"):
        site.put(name)
    (site.root / "link").symlink_to("../secret")
    (site.root / "folder").symlink_to("..")
    server = await site.serve()
    assert (await told(server, path)).startswith("200 Worker: GET ")


async def test_a_file_is_served_as_it_is_now(site: Site) -> None:
    site.put("a.txt", "one")
    server = await site.serve()
    assert await told(server, "/a.txt") == "200 one"
    site.put("a.txt", "other")
    assert await told(server, "/a.txt") == "200 other"
    (site.root / "a.txt").unlink()
    assert await told(server, "/a.txt") == "404"


async def test_who_develops_sees_files_come_and_go(site: Site) -> None:
    path = site.put("a.txt")
    server = await site.serve(is_dev=True)
    site.put("b.txt")
    path.unlink()
    assert await told(server, "/b.txt") == "200 b.txt"
    assert await told(server, "/a.txt") == "200 Worker: GET /a.txt"


async def test_many_ask_at_once(site: Site) -> None:
    for number in range(20):
        site.put(f"{number}.txt")
    server = await site.serve()
    answers = await asyncio.gather(*(told(server, f"/{number}.txt") for number in range(20)))
    assert answers == [f"200 {number}.txt" for number in range(20)]


async def test_only_the_first_of_several_workers_has_its_files_in_front(
    site: Site, serve: Serving
) -> None:
    site.put("index.html")
    other = site.root.with_name("other")
    other.mkdir()
    (other / "more.html").write_text("more")
    first = serve.write(WORKER, toml=table(site.root))
    second = replace(serve.write(WORKER, toml=table(other)), name="other")
    server = await serve.start(replace(first, others=(second,)))
    assert await told(server, "/") == "200 index.html"
    assert await told(server, "/more") == "200 Worker: GET /more"
