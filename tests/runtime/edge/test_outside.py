"""Requests as their clients sent them, behind proxies: nobody chooses what they were asked."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from perdure.runtime.edge.outside import forwarded_elements, origin_of
from tests.serving import Serving
from tests.wire import Wire

MAIN = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            return Response(f"{request.client_address} {request.url}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if "/actor" in request.url:
                return await self.env.ROOM.get_by_name("room").fetch(request)
            names = ("X-Forwarded-Host", "Forwarded")
            kept = [request.headers.get(name) for name in names if name in request.headers]
            return Response(f"{request.client_address} {request.url} {''.join(kept)}".rstrip())
"""
# The test is the nearest proxy; 10.0.0.0/8 are others.
TRUSTED = ["127.0.0.1", "10.0.0.0/8"]


async def seen(
    serve: Serving,
    fields: Sequence[str],
    *,
    trusted: Sequence[str] = TRUSTED,
    kind: str = "x-forwarded",
    target: str = "/x",
) -> str:
    toml = f'[perdure]\ntrusted_proxies = {list(trusted)}\nproxy_headers = "{kind}"\n'
    server = await serve(MAIN, objects=["Room"], toml=toml)
    async with await Wire.connect(server.url) as wire:
        wire.say(f"GET {target} HTTP/1.1", "Host: inside:80", *fields)
        answer = await wire.answer()
        assert answer.status == 200
        return answer.text


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        pytest.param([], "127.0.0.1", id="the proxy says nothing"),
        pytest.param(["203.0.113.7"], "203.0.113.7", id="one proxy"),
        pytest.param(["203.0.113.7, 10.0.0.2"], "203.0.113.7", id="two proxies"),
        pytest.param(["203.0.113.7", "10.0.0.2"], "203.0.113.7", id="a field each"),
        pytest.param(["1.1.1.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7", id="made up at the left"),
        pytest.param(["10.9.9.9, 10.0.0.2"], "10.9.9.9", id="a client from inside"),
        pytest.param(["[2001:db9::7]:5000"], "2001:db9::7", id="IPv6 with a port"),
        pytest.param(["203.0.113.7, unknown"], "127.0.0.1", id="a proxy that does not tell"),
        pytest.param(["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2", id="farther away"),
        pytest.param(["", "203.0.113.7"], "203.0.113.7", id="an empty field at the left"),
        pytest.param(["203.0.113.7,"], "127.0.0.1", id="an empty item at the right"),
    ],
)
async def test_the_list_is_read_from_the_right_over_trusted_proxies(
    serve: Serving, fields: list[str], client: str
) -> None:
    got = await seen(serve, [f"X-Forwarded-For: {field}" for field in fields])
    assert got == f"{client} http://inside:80/x"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        pytest.param(["Proto: https"], "https://inside:80/x", id="the scheme alone"),
        pytest.param(["Proto: wss"], "https://inside:80/x", id="as WebSockets call it"),
        pytest.param(["Proto: gopher"], "http://inside:80/x", id="a scheme that is none"),
        pytest.param(["Host: example.com"], "http://example.com/x", id="the host alone"),
        pytest.param(["Host: a b"], "http://inside:80/x", id="a host that is none"),
        pytest.param(["Host: a:99999"], "http://inside:80/x", id="a port that cannot be"),
        pytest.param(
            ["Proto: HTTPS", "Host: example.com:8443"], "https://example.com:8443/x", id="both"
        ),
        pytest.param(["Host: evil, example.com"], "http://example.com/x", id="made up at the left"),
        pytest.param(
            ["For: 203.0.113.7, 10.0.0.2", "Proto: https, http", "Host: example.com, inner"],
            "https://example.com/x",
            id="two proxies that append",
        ),
        pytest.param(
            ["For: 203.0.113.7, 10.0.0.2", "Proto: https", "Host: example.com"],
            "https://example.com/x",
            id="two proxies, the last of which writes anew",
        ),
        pytest.param(
            ["For: 1.1.1.1, 203.0.113.7", "Proto: http, https", "Host: evil, example.com"],
            "https://example.com/x",
            id="all made up at the left",
        ),
    ],
)
async def test_scheme_and_host_are_those_of_the_outside(
    serve: Serving, fields: list[str], url: str
) -> None:
    got = await seen(serve, [f"X-Forwarded-{field}" for field in fields])
    assert got.split()[1] == url


async def test_from_anybody_else_they_are_headers_like_others(serve: Serving) -> None:
    fields = ["X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"]
    got = await seen(serve, [*fields, "Forwarded: for=1.1.1.1"], trusted=["10.0.0.0/8"])
    assert got == "127.0.0.1 http://inside:80/x evilfor=1.1.1.1"


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        pytest.param(
            ["for=203.0.113.7;proto=https;host=example.com"],
            "203.0.113.7 https://example.com/x",
            id="one proxy",
        ),
        pytest.param(
            ['For="[2001:db9::7]:5000"; Proto=https ;by=10.0.0.1'],
            "2001:db9::7 https://inside:80/x",
            id="quoted, with spaces, and another case",
        ),
        pytest.param(
            ["for=203.0.113.7;host=example.com;proto=https, for=10.0.0.2;host=inner;proto=http"],
            "203.0.113.7 https://example.com/x",
            id="two proxies",
        ),
        pytest.param(
            ["for=1.1.1.1;host=evil;proto=http", "for=203.0.113.7;proto=https"],
            "203.0.113.7 https://inside:80/x",
            id="made up at the left",
        ),
        pytest.param(["for=unknown;proto=https"], "127.0.0.1 https://inside:80/x", id="unknown"),
        pytest.param(["for=_hidden, for=10.0.0.2"], "10.0.0.2 http://inside:80/x", id="hidden"),
        pytest.param(['for="open', "for=203.0.113.7"], "127.0.0.1 http://inside:80/x", id="broken"),
        pytest.param([], "127.0.0.1 http://inside:80/x", id="none"),
    ],
)
async def test_the_header_of_rfc_7239(serve: Serving, fields: list[str], result: str) -> None:
    lines = [f"Forwarded: {field}" for field in fields]
    got = await seen(serve, lines, kind="forwarded")
    assert " ".join(got.split()[:2]) == result


@pytest.mark.parametrize(
    ("kind", "field"),
    [("x-forwarded", "Forwarded: for=1.1.1.1"), ("forwarded", "X-Forwarded-For: 1.1.1.1")],
)
async def test_the_kind_that_the_proxies_do_not_write_means_nothing(
    serve: Serving, kind: str, field: str
) -> None:
    got = await seen(serve, [field], kind=kind)
    assert got.startswith("127.0.0.1 http://inside:80/x")


async def test_an_actor_hears_the_same(serve: Serving) -> None:
    fields = ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"]
    assert await seen(serve, fields, target="/actor") == "203.0.113.7 https://inside:80/actor"


@given(st.text(st.sampled_from('for=;,"\\[]: \tax1.'), max_size=40))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for element in forwarded_elements(text):
        assert element


@given(host=st.text(st.sampled_from("aZ09.-_~[]:%@/ü\x7f "), max_size=12))
def test_every_host_that_is_let_in_makes_a_url(host: str) -> None:
    origin = origin_of("http", host)
    if origin is not None:
        assert origin == f"http://{host}"
        assert URL(f"{origin}/path").path == "/path"


@pytest.mark.timeout(20)  # a minute, it used to be
@pytest.mark.parametrize("piece", [" ", "\\a", ",", ";", "a=", 'a="', "a=b ", '"'])
def test_no_text_is_slow_to_read(piece: str) -> None:
    text = piece * (64_000 // len(piece))
    forwarded_elements(f"a=b;{text}x")
    forwarded_elements(f'a=b;c="{text}')
