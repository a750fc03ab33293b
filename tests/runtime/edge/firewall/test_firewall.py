"""The firewall in front of programs that are really served."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import jwt
import pytest

from perdure.runtime.config.access import with_local_origins
from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.firewall.model import Action, FirewallRule, Match
from perdure.runtime.edge.firewall.firewall import Firewall, RuleStatistics
from perdure.runtime.edge.firewall.requiring import sign
from perdure.runtime.edge.firewall.rules import Now, Rule
from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import TEXT, Answer, Wire, close_frame, frame

# Tells how many requests it has seen; /slow waits until somebody asks for /go.
PROGRAM = """
    import asyncio
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    seen = []
    go = asyncio.Event()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/seen":
                return Response.json(seen)
            seen.append(path)
            if path == "/slow":
                await go.wait()
            if path == "/go":
                go.set()
            if not request.is_upgrade:
                return Response(await request.text())
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send(event.data)
            return Response(None, status=101, web_socket=client)
"""
SECRET = "a secret of more than thirty-two bytes"
JWT = """
    [[perdure.firewall]]
    name = "members"
    path = "/room/**"
    action = "require"
    [perdure.firewall.jwt]
    algorithms = ["HS256"]
    key = { var = "SECRET" }
    from = ["bearer", "cookie:session", "query:token", "protocol:bearer."]
"""
FROM_PROXY = "X-Forwarded-For: 203.0.113.7"

Run = Callable[[str], Awaitable[Server]]


@pytest.fixture
def run(serve: Serving) -> Run:
    """Serve the program with more of wrangler.toml."""
    return lambda toml: serve(PROGRAM, toml=toml, values={"SECRET": SECRET})


async def ask(server: Server, request: str, *headers: str, body: bytes = b"") -> Answer:
    async with await Wire.connect(server.url) as wire:
        wire.say(f"{request} HTTP/1.1", "Host: localhost", *headers, body=body)
        return await wire.answer()


async def upgrade(server: Server, path: str, *headers: str) -> Answer:
    """The answer to an upgrade; a WebSocket that is granted echoes, and is closed."""
    async with await Wire.connect(server.url) as wire:
        answer = await wire.upgrade(path, *headers)
        if answer.status == 101:
            wire.send(frame(TEXT, "hello"))
            assert await wire.text() == "hello"
            wire.send(close_frame(1000))
            await wire.close_frame()
        return answer


async def seen(server: Server) -> str:
    return (await ask(server, "GET /seen")).text


def counted(server: Server) -> list[tuple[str, int, int, int]]:
    rules = server.firewall.statistics().rules
    return [(r.name, r.matched, r.refused, r.would_have) for r in rules]


# Rules.


async def test_an_upgrade_is_denied_before_the_worker_sees_it(run: Run) -> None:
    server = await run("""
        [[perdure.firewall]]
        name = "closed"
        path = "/room/**"
        upgrade = true
        action = "deny"
        status = 451
        body = "Not here"
    """)
    answer = await upgrade(server, "/room/1")
    assert (answer.status, answer.text) == (451, "Not here\n")
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert (await upgrade(server, "/other")).status == 101
    assert (await ask(server, "GET /room/1")).status == 200
    assert await seen(server) == '["/other", "/room/1"]'
    assert counted(server) == [("closed", 1, 1, 0)]


@pytest.mark.parametrize("path", ["/admin", "/%61dmin/", "//admin", "/x/../admin", "/x/..%2Fadmin"])
async def test_no_spelling_of_a_path_gets_round_a_rule(run: Run, path: str) -> None:
    server = await run('[[perdure.firewall]]\npath = "/admin/**"\naction = "deny"')
    assert (await ask(server, f"GET {path}")).status == 403
    assert (await ask(server, f"GET http://localhost{path}")).status == 403
    assert await seen(server) == "[]"


async def test_the_body_of_a_denied_request_is_not_read(run: Run) -> None:
    server = await run('[[perdure.firewall]]\nmethod = "POST"\naction = "deny"')
    async with await Wire.connect(server.url) as wire:
        wire.say("POST / HTTP/1.1", "Host: a", "Content-Length: 90000000", "Expect: 100-continue")
        answer = await wire.answer()
        assert (answer.status, answer.get("Connection")) == (403, "close"), "no 100 Continue"
    assert await seen(server) == "[]"


async def test_a_connection_goes_on_after_a_request_without_a_body_was_denied(run: Run) -> None:
    server = await run('[[perdure.firewall]]\npath = "/a"\naction = "deny"')
    async with await Wire.connect(server.url) as wire:
        for path, status in (("/a", 403), ("/b", 200), ("/a", 403)):
            wire.say(f"GET {path} HTTP/1.1", "Host: a")
            assert (await wire.answer()).status == status


async def test_rules_in_shadow_mode_let_pass_and_tell(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perdure.edge")
    server = await run(f"""
        [[perdure.firewall]]
        name = "watched"
        action = "log"
        path = "/room/**"
        {JWT.replace('action = "require"', 'action = "require"' + chr(10) + "shadow = true")}
    """)
    assert (await upgrade(server, "/room/1?token=forged")).status == 101
    assert counted(server) == [("watched", 1, 0, 1), ("members", 1, 0, 1)]
    assert "forged" not in caplog.text
    told = [(r.getMessage(), vars(r)["rule"], vars(r)["path"]) for r in caplog.records]
    assert told == [
        ("firewall.would_have", "watched", "/room/1"),
        ("firewall.would_have", "members", "/room/1"),
    ]


async def test_the_log_is_not_filled_by_who_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "perdure.edge")
    times = iter([0, 1, 2, 1_500_000_000])
    rule = Rule(FirewallRule("no", Action.DENY))
    firewall = Firewall([rule], clock=lambda: Now(next(times), 0.0))

    from aiohttp.test_utils import make_mocked_request

    for _ in range(4):
        answer = firewall.refusal(make_mocked_request("GET", "/"), is_upgrade=False)
        assert answer is not None
        assert answer.status == 403
    assert [vars(r).get("unsaid") for r in caplog.records] == [None, 2]
    assert firewall.statistics().rules == (RuleStatistics("no", "deny", 4, 4, 0),)


async def test_the_rate_is_limited_for_each_address(run: Run) -> None:
    server = await run("""
        [perdure]
        trusted_proxies = "127.0.0.1"
        [[perdure.firewall]]
        rate = "1/h"
        burst = 2
        action = "limit"
        unless = { path = "/seen" }
    """)
    statuses = [(await ask(server, "GET /", FROM_PROXY)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = await upgrade(server, "/", FROM_PROXY)
    assert answer.status == 429
    assert 3590 <= int(answer.get("Retry-After") or 0) <= 3600
    assert (await ask(server, "GET /", "X-Forwarded-For: 203.0.113.8")).status == 200
    assert (await upgrade(server, "/")).status == 101


async def test_who_is_no_proxy_cannot_choose_an_address(run: Run) -> None:
    server = await run("""
        [[perdure.firewall]]
        address = "203.0.113.0/24"
        action = "deny"
    """)
    assert (await ask(server, "GET /", FROM_PROXY)).status == 200


async def test_a_place_is_free_again_when_its_websocket_has_ended(run: Run) -> None:
    server = await run("""
        [[perdure.firewall]]
        action = "limit"
        upgrade = true
        connections = 2
    """)
    for _ in range(2):
        async with await Wire.connect(server.url) as one, await Wire.connect(server.url) as two:
            assert (await one.upgrade("/")).status == 101
            assert (await two.upgrade("/")).status == 101
            answer = await upgrade(server, "/")
            assert (answer.status, answer.get("Retry-After")) == (429, "1")
            assert (await ask(server, "GET /")).status == 200
            one.send(close_frame(1000))
            await one.close_frame()
            async with await Wire.connect(server.url) as three:
                assert (await three.upgrade("/")).status == 101
                assert (await upgrade(server, "/")).status == 429
                two.vanish()
                three.vanish()
                while (await upgrade(server, "/")).status != 101:  # until the resets have come
                    await asyncio.sleep(0)
    assert server.firewall.holds_places is False


ONE_SLOW_AT_A_TIME = """
    [[perdure.firewall]]
    action = "limit"
    path = "/slow"
    connections = 1
"""


async def begin_slow(server: Server, wire: Wire) -> None:
    """Have a request under way that ends when another one says so."""
    wire.say("GET /slow HTTP/1.1", "Host: a")
    while "/slow" not in await seen(server):
        await asyncio.sleep(0)


async def test_a_place_is_free_again_when_a_request_was_answered(run: Run) -> None:
    server = await run(ONE_SLOW_AT_A_TIME)
    async with await Wire.connect(server.url) as wire:
        await begin_slow(server, wire)
        assert (await ask(server, "GET /slow")).status == 429
        assert (await ask(server, "GET /go")).status == 200
        assert (await wire.answer()).status == 200
        wire.say("GET /slow HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "on the same connection"
    assert server.firewall.holds_places is False


async def test_a_place_is_free_again_when_a_client_gave_up(run: Run) -> None:
    server = await run(ONE_SLOW_AT_A_TIME)
    async with await Wire.connect(server.url) as wire:
        await begin_slow(server, wire)
        wire.vanish()
    await ask(server, "GET /go")
    while (await ask(server, "GET /slow")).status != 200:  # until the answer has met the reset
        await asyncio.sleep(0)


# Proofs.


def token(key: str = SECRET, algorithm: str = "HS256", age_s: int = 0) -> str:
    return jwt.encode({"exp": time.time() + 1000 - age_s}, key, algorithm=algorithm)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Authorization: Bearer {token()}", 101),
        (f"Cookie: session={token()}", 101),
        (f"Sec-WebSocket-Protocol: chat, bearer.{token()}", 101),
        (f"Authorization: Bearer {token(age_s=2000)}", 401),
        (f"Authorization: Bearer {token(SECRET * 2)}", 401),
        (f"Authorization: Bearer {token(SECRET * 2, 'HS384')}", 401),
        ("Authorization: Bearer eyJhbGciOiJub25lIn0.e30.", 401),
        ("X-Nothing: 1", 401),
    ],
)
async def test_a_websocket_needs_a_web_token(run: Run, header: str, status: int) -> None:
    server = await run(JWT)
    answer = await upgrade(server, "/room/1", header)
    assert answer.status == status
    assert await seen(server) == ('["/room/1"]' if status == 101 else "[]")
    assert (answer.get("WWW-Authenticate") is not None) == (status == 401)


async def test_a_web_token_may_stand_in_the_query(run: Run) -> None:
    server = await run(JWT)
    assert (await upgrade(server, f"/room/1?token={token()}")).status == 101
    assert (await upgrade(server, "/room/1?token=x")).text == "The token is not valid\n"


async def test_a_signed_url_opens_what_it_was_signed_for(run: Run) -> None:
    server = await run("""
        [[perdure.firewall]]
        action = "require"
        path = "/files/**"
        signature = { key = { var = "SECRET" } }
    """)
    path = f"/files/a?user=ann&expires={int(time.time()) + 1000}"
    target = f"{path}&signature={sign(path.encode(), SECRET.encode())}"
    assert (await ask(server, f"GET {target}")).status == 200
    assert (await upgrade(server, target)).status == 101
    assert (await ask(server, f"GET {target.replace('ann', 'bob')}")).status == 403
    assert (await ask(server, f"GET {target}&more=1")).status == 403
    assert (await ask(server, "GET /files/a")).text == "The URL is not signed\n"


async def test_a_token_that_both_sides_know_is_enough(run: Run) -> None:
    server = await run("""
        [[perdure.firewall]]
        action = "require"
        token = { key = { var = "SECRET" }, from = ["header:X-Api-Key", "bearer"] }
    """)
    assert (await ask(server, "GET /", f"X-Api-Key: {SECRET}")).status == 200
    assert (await ask(server, "GET /", f"Authorization: Bearer {SECRET}")).status == 200
    answer = await ask(server, "POST /", "X-Api-Key: x", "Content-Length: 5", body=b"12345")
    assert (answer.status, answer.get("Connection")) == (401, "close")


async def test_a_server_does_not_start_without_its_secrets(
    serve: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = serve.write(PROGRAM, toml=JWT.replace('var = "SECRET"', 'env = "PERDURE_TEST"'))
    monkeypatch.delenv("PERDURE_TEST", raising=False)
    with pytest.raises(ConfigError, match='environment variable "PERDURE_TEST" is not set'):
        await Server.start(config, data_dir=tmp_path / "data", host="127.0.0.1", port=0)
    assert not (tmp_path / "data").exists()
    monkeypatch.setenv("PERDURE_TEST", SECRET)
    assert (await serve.start(config)).firewall.has_rules


async def test_a_key_that_is_none_is_told_with_its_place(serve: Serving) -> None:
    toml = JWT.replace("HS256", "ES256")
    config = serve.write(PROGRAM, toml=toml, values={"SECRET": SECRET})
    with pytest.raises(ConfigError, match='The var "SECRET" is no key for ES256: ') as error:
        Firewall.of(config, {})
    (problem,) = error.value.problems
    assert problem.key_path == "perdure.firewall[0].jwt.key"
    assert SECRET not in str(problem)


# Origins.


async def test_pages_of_other_sites_may_not_open_websockets(run: Run) -> None:
    server = await run("")
    assert server.firewall.has_rules is False
    answer = await upgrade(server, "/", "Origin: https://evil.example")
    assert answer.status == 403
    assert '[perdure]\nallowed_origins = ["https://evil.example"]' in answer.text
    assert await seen(server) == "[]"
    assert server.firewall.statistics().origins_refused == 1
    same = (f"Host: localhost:{server.port}", f"Origin: http://localhost:{server.port}")
    assert (await upgrade(server, "/", *same)).status == 101
    assert (await upgrade(server, "/")).status == 101, "no browser"
    assert (await ask(server, "GET /", "Origin: https://evil.example")).status == 200


async def test_other_sites_may_be_named(run: Run) -> None:
    server = await run("""
        [perdure]
        allowed_origins = ["https://*.example.com"]
        [[perdure.firewall]]
        path = "/public"
        origin = "*"
        action = "allow"
    """)
    assert (await upgrade(server, "/", "Origin: https://a.example.com")).status == 101
    assert (await upgrade(server, "/", "Origin: https://example.com")).status == 403
    assert (await upgrade(server, "/public", "Origin: null")).status == 101


async def test_pages_of_this_machine_may_while_a_program_is_written(serve: Serving) -> None:
    config = with_local_origins(serve.write(PROGRAM))
    server = await serve.start(config)
    for origin in ("http://localhost:5173", "https://127.0.0.1", "http://[::1]:3000"):
        assert (await upgrade(server, "/", f"Origin: {origin}")).status == 101
    assert (await upgrade(server, "/", "Origin: http://localhost.evil.example")).status == 403


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 101), ("10.0.0.1", 403)])
async def test_a_proxy_may_say_which_host_was_asked_for(
    run: Run, trusted: str, status: int
) -> None:
    server = await run(f'[perdure]\ntrusted_proxies = "{trusted}"')
    headers = ("Host: backend:80", "X-Forwarded-Host: example.com", "Origin: https://example.com")
    assert (await upgrade(server, "/", *headers)).status == status


async def test_a_refused_origin_gives_its_place_back(run: Run) -> None:
    server = await run('[[perdure.firewall]]\naction = "limit"\nconnections = 1')
    for _ in range(2):
        assert (await upgrade(server, "/", "Origin: null")).status == 403


def test_without_rules_there_is_nothing_to_ask() -> None:
    assert Firewall(()).has_rules is False
    rule = Rule(FirewallRule("a", Action.DENY, Match(upgrade=True)))
    assert Firewall((rule,)).has_rules is True
