"""``_headers`` and ``_redirects`` of a directory of assets, over real HTTP."""

import os
from pathlib import Path

import pytest

from perdure.runtime.assets.rules import problems_of_rules, read_rules
from perdure.runtime.config.model import AssetsConfig
from perdure.runtime.server import Server
from tests.runtime.assets.conftest import Site, ask, table
from tests.serving import Serving

REDIRECTS = """
/old /new 301
/posted /new 303
/files/* /docs/:splat 200
/app/* /spa 200
/lost /nowhere 200
/a.html /b 307
/out/* https://example.com/:splat 308
/to/* /:splat
"""
HEADERS = """
/*
  X-All: yes
/docs/*
  ! ETag
  Cache-Control: max-age=60
  X-Part: :splat
http://refused
"""


async def told(server: Server, path: str, method: str = "GET", **headers: str) -> str:
    status, text, fields = await ask(server, path, method, **headers)
    return f"{status} {fields.get('Location', text)}".strip()


@pytest.fixture
def ruled(site: Site) -> Site:
    site.put("_redirects", REDIRECTS)
    site.put("_headers", HEADERS)
    for name in ("a.html", "b.html", "docs/x.txt", "spa.html", "old.html"):
        site.put(name)
    return site


async def test_redirects_are_before_files_and_before_the_worker(ruled: Site) -> None:
    server = await ruled.serve()
    assert await told(server, "/old?q=1") == "301 /new?q=1"
    assert await told(server, "/posted", "POST") == "303 /new"
    assert await told(server, "/a.html") == "307 /b"
    assert await told(server, "/out/x/y?z") == "308 https://example.com/x/y?z"
    assert await told(server, "/new") == "200 Worker: GET /new"


async def test_a_client_cannot_have_itself_or_others_sent_to_another_site(ruled: Site) -> None:
    server = await ruled.serve()
    assert await told(server, "/to//evil.com") == "302 /evil.com"
    assert await told(server, "/to/\\evil.com") == "302 /evil.com"
    assert await told(server, "/to/%0d%0aSet-Cookie:x") == "302 /%0d%0aSet-Cookie:x"


async def test_a_rule_with_200_serves_the_file_of_another_path(ruled: Site) -> None:
    server = await ruled.serve()
    assert await told(server, "/files/x.txt") == "200 docs/x.txt"
    assert await told(server, "/app/any/where") == "200 spa.html"
    assert await told(server, "/files/nothing") == "404"
    assert await told(server, "/lost") == "404"
    assert await told(server, "/files/../a.html") == "404"
    assert await told(server, "/files/x.txt", "POST") == "405"


async def test_headers_are_those_of_the_path_that_was_asked_for(ruled: Site) -> None:
    server = await ruled.serve()
    _, _, fields = await ask(server, "/docs/x.txt")
    assert (fields["X-All"], fields["X-Part"]) == ("yes", "x.txt")
    assert fields["Cache-Control"] == "max-age=60"
    assert "ETag" not in fields
    _, _, fields = await ask(server, "/files/x.txt")
    assert "X-Part" not in fields
    assert "ETag" in fields


async def test_headers_are_on_all_answers_but_the_workers(ruled: Site) -> None:
    server = await ruled.serve()
    _, _, fields = await ask(server, "/b")
    for path, method, known in (
        ("/b", "HEAD", ""),
        ("/b", "POST", ""),
        ("/b", "GET", fields["ETag"]),
        ("/b.html", "GET", ""),
        ("/old", "GET", ""),
        ("/lost", "GET", ""),
    ):
        status, _, fields = await ask(server, path, method, If_None_Match=known)
        assert fields["X-All"] == "yes", (path, method, status)
    assert "X-All" not in (await ask(server, "/of/the/worker"))[2]


async def test_long_files_have_them_too(ruled: Site) -> None:
    content = os.urandom(100_000).hex()
    ruled.put("docs/long.txt", content)
    server = await ruled.serve()
    _, text, fields = await ask(server, "/docs/long.txt")
    assert (text, fields["Cache-Control"]) == (content, "max-age=60")
    assert fields["Content-Length"] == str(len(content))


async def test_a_host_has_rules_of_its_own(site: Site) -> None:
    site.put("_headers", "https://:name.example.com/*\n  X-Name: :name\n")
    site.put("a.txt")
    server = await site.serve()
    assert "X-Name" not in (await ask(server, "/a.txt"))[2]
    _, _, fields = await ask(server, "/a.txt", Host="Shop.example.com:8080")
    assert fields["X-Name"] == "shop"


async def test_the_files_of_rules_are_not_served(ruled: Site) -> None:
    server = await ruled.serve()
    for path in ("/_headers", "/_redirects", "/%5fheaders", "//_redirects", "/to/_headers"):
        assert "X-Part" not in await told(server, path)
        assert "/old" not in await told(server, path)


async def test_paths_that_are_the_workers_first_have_no_rules(ruled: Site) -> None:
    server = await ruled.serve(run_worker_first=["/old", "/docs/*"])
    assert await told(server, "/old") == "200 Worker: GET /old"
    assert "X-All" not in (await ask(server, "/docs/x.txt"))[2]
    assert await told(server, "/posted") == "303 /new"


NATIVE = """
from perdure import Request, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        how = request.parsed_url.query.get("how", "manual")
        return await self.env.ASSETS.fetch(Request(request, redirect=how))
"""


async def test_rules_are_for_the_programs_own_requests_too(ruled: Site) -> None:
    ruled.put("_redirects", REDIRECTS + "/hop /hop2\n/hop2 /docs/x.txt\n/round /round\n")
    server = await ruled.serve(NATIVE, binding="ASSETS", run_worker_first=True)
    assert await told(server, "/hop") == "302 /hop2"
    status, text, fields = await ask(server, "/hop?how=follow")
    assert (status, text, fields["X-Part"]) == (200, "docs/x.txt", "x.txt")
    assert await told(server, "/round?how=follow") == "302 /round?how=follow"
    assert await told(server, "/out/x?how=follow") == "308 https://example.com/x?how=follow"
    assert await told(server, "/hop?how=follow", "POST") == "302 /hop2?how=follow"
    assert (await ask(server, "/%64ocs/x.txt"))[2]["X-Part"] == "x.txt"


async def test_who_develops_sees_new_rules(site: Site) -> None:
    site.put("a.txt")
    server = await site.serve(is_dev=True)
    assert await told(server, "/x") == "200 Worker: GET /x"
    site.put("_redirects", "/x /a.txt")
    site.put("_headers", "/*\n A: 1")
    assert await told(server, "/x") == "302 /a.txt"
    assert (await ask(server, "/a.txt"))[2]["A"] == "1"


async def test_who_develops_is_told_once_of_a_new_line_that_is_no_rule(
    site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    site.put("_redirects", "/x")
    server = await site.serve(is_dev=True)
    await told(server, "/y")
    site.put("_redirects", "/a /b\n/wrong")
    for _ in range(3):
        await told(server, "/y")
    heard = caplog.text + capfd.readouterr().err
    assert heard.count("assets.rule_ignored") == 1


def test_files_are_read_as_text_whatever_they_hold(tmp_path: Path) -> None:
    (tmp_path / "_redirects").write_bytes(b"\xef\xbb\xbf/a /b\n/\xff /c\n")
    os.mkfifo(tmp_path / "_headers")
    rules = read_rules(AssetsConfig(tmp_path))
    assert (len(rules.redirects), len(rules.headers), rules.problems) == (2, 0, ())
    assert rules.redirects.find("/a") is not None


def test_what_is_wrong_is_told_with_its_file_and_line(serve: Serving, site: Site) -> None:
    site.put("_redirects", "/a /b\n/wrong")
    config = serve.write(NATIVE, toml=table(site.root, binding="ASSETS"))
    (problem,) = problems_of_rules(config)
    assert str(problem) == (
        f"{site.root}/_redirects:2: warning: Expected exactly 2 or 3 whitespace-separated tokens. "
        "Got 1."
    )
