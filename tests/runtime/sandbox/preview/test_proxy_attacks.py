"""What strangers try at preview URLs, against a real server; the server inside says what it saw."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runtime.sandbox.inside import PORT
from tests.runtime.sandbox.served import Served, served
from tests.serving import Serving
from tests.wire import TEXT, Answer, frame

pytestmark = pytest.mark.slow


class Target:
    """A sandbox whose port is exposed, and what has reached it."""

    def __init__(self, town: Served, host: str, data: Path) -> None:
        self.town = town
        self.data = data
        self.host = host
        self.label, _, self.domain = host.partition(".")
        self.token = self.label.rpartition("-")[2]

    async def targets(self) -> list[str]:
        answer = await self.town.get(self.host, "/heard")
        targets: list[str] = json.loads(answer.body)["targets"]
        return [target for target in targets if target != "/heard"]


@pytest.fixture
async def target(serve: Serving, tmp_path: Path) -> AsyncIterator[Target]:
    async with served(serve, data_dir=tmp_path / "data") as town:
        target = Target(town, await town.preview("one"), tmp_path / "data")
        assert await target.targets() == []
        yield target


def says_no_token(answer: Answer) -> bool:
    return answer.status == 404 and json.loads(answer.body)["code"] == "INVALID_TOKEN"


async def test_guessed_tokens_reach_nothing_and_leave_nothing(target: Target) -> None:
    town = target.town
    before = sorted(target.data.rglob("*"))
    guesses = ["a", "_" * 16, "0" * 16, target.token[:-1], target.token[1:], "null", "undefined"]
    for guess in guesses:
        assert says_no_token(await town.get(f"8080-one-{guess}.{target.domain}"))
        assert says_no_token(await town.get(f"8080-nobody-{guess}.{target.domain}"))
        async with town.wire() as wire:
            answer = await wire.upgrade("/ws", f"Host: 8080-one-{guess}.{target.domain}")
            assert says_no_token(answer)
    assert await target.targets() == []
    assert (await town.call("nobody", "get_status"))["is_running"] is False
    assert sorted(target.data.rglob("*")) == before


async def test_a_token_opens_its_own_port_of_its_own_sandbox_only(target: Target) -> None:
    town = target.town
    other = await town.preview("other", 8081)
    theirs = other.partition(".")[0].rpartition("-")[2]
    await town.call("one", "expose_port", 8081, "localhost")
    for label in (
        f"8081-one-{target.token}",
        f"8080-other-{theirs}",
        f"8081-other-{target.token}",
        f"8080-other-{target.token}",
        f"8080-one-{theirs}",
        f"8082-one-{target.token}",
    ):
        assert says_no_token(await town.get(f"{label}.{target.domain}"))
    assert await target.targets() == []


@pytest.mark.parametrize(
    "host",
    [
        "{label}.localhost.",
        "{label}",
        "{label}.",
        "x.{label}.localhost",
        "{label}..localhost",
        "{label}%2elocalhost",
        "{label}%00.localhost",
        "8080%2Done-{token}.localhost",
        "08080-one-{token}.localhost",
        "8080-%6fne-{token}.localhost",
        "8080-one-{token}%20.localhost",
        "8080-\u00f6ne-{token}.localhost",
        "\uff18080-one-{token}.localhost",
        "8080-one-{token}\u3002localhost",
        "user@{label}.localhost",
        "{label}.localhost@evil",
        "{label}.localhost, localhost",
        "{label}.localhost/",
        "{label}.localhost#",
        "{label}.localhost:port",
        "{label}.localhost:1:2",
        "[{label}.localhost]",
        "80-one-{token}.localhost",
        "3000-one-{token}.localhost",
        "65536-one-{token}.localhost",
        "73616-one-{token}.localhost",
        "4294975376-one-{token}.localhost",
        "-8080-one-{token}.localhost",
    ],
)
async def test_hosts_that_only_look_like_it_reach_nothing(target: Target, host: str) -> None:
    host = host.format(label=target.label, token=target.token)
    async with target.town.wire() as wire:
        wire.say("GET /tricked HTTP/1.1", f"Host: {host}".encode())
        answer = await wire.answer()
        assert answer.status == 400 or answer.text == "the Worker"
    assert await target.targets() == []


async def test_two_hosts_are_none(target: Target) -> None:
    for hosts in ([target.host, "localhost"], ["localhost", target.host], [target.host] * 2):
        answer = await target.town.say(
            "GET /tricked HTTP/1.1", *(f"Host: {host}" for host in hosts)
        )
        assert answer.status == 400
    assert await target.targets() == []


async def test_a_whole_url_counts_for_more_than_the_host(target: Target) -> None:
    town = target.town
    line = f"GET http://{target.host}/whole HTTP/1.1"
    assert json.loads((await town.say(line, "Host: localhost")).body)["target"] == "/whole"
    answer = await town.say("GET http://localhost/tricked HTTP/1.1", f"Host: {target.host}")
    assert answer.text == "the Worker"
    for url in (
        f"http://x@{target.host}/tricked",
        f"http://{target.label}%2e{target.domain}/tricked",
    ):
        answer = await town.say(f"GET {url} HTTP/1.1", "Host: localhost")
        assert answer.status == 400 or answer.text == "the Worker"
    assert await target.targets() == ["/whole"]


async def test_behind_a_refused_upgrade_the_next_request_is_its_own(target: Target) -> None:
    """The way in that proxies leave open that believe an upgrade before it is answered."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    wrong = f"8080-one-{'x' * 16}.{target.domain}"
    for host, status in ((target.host, 403), (wrong, 404)):
        async with target.town.wire() as wire:
            answer = await wire.upgrade("/refused", f"Host: {host}", glued=smuggled)
            assert answer.status == status
            assert (await wire.answer()).text == "the Worker"
    assert await target.targets() == ["/refused"]


async def test_what_comes_with_an_upgrade_is_frames_and_no_request(target: Target) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
    async with target.town.wire() as wire:
        answer = await wire.upgrade("/ws", f"Host: {target.host}", glued=smuggled)
        assert answer.status == 101
        assert (await wire.frame()).close[0] == 1002
    assert await target.targets() == ["/ws"]


@pytest.mark.parametrize("framing", ["Content-Length: {size}", "Transfer-Encoding: chunked"])
async def test_an_upgrade_with_a_body_brings_no_second_request(
    target: Target, framing: str
) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
    if "chunked" in framing:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    else:
        body, framing = smuggled, framing.format(size=len(smuggled))
    for path in ("/ws", "/refused"):
        async with target.town.wire() as wire:
            await wire.upgrade(path, f"Host: {target.host}", framing, glued=body)
    assert "/smuggled" not in await target.targets()


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding : chunked"],
        ["Upgrade: websocket", "Connection: upgrade", "Content-Length: 1", "Content-Length: 2"],
    ],
)
async def test_bodies_with_two_readings_are_refused_before_anything_is_sent_inside(
    target: Target, fields: list[str]
) -> None:
    body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with target.town.wire() as wire:
        wire.say("POST /tricked HTTP/1.1", f"Host: {target.host}", *fields, body=body)
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""
    assert await target.targets() == []


async def test_a_path_ends_no_line(target: Target) -> None:
    path = "/%0d%0aX-Injected:%201%0d%0a%0d%0aGET%20/smuggled"
    seen = json.loads((await target.town.get(target.host, path)).body)
    assert seen["target"] == path
    assert "X-Injected" not in dict(seen["fields"])
    for raw in (b"GET /a\rb HTTP/1.1", b"GET /a\0b HTTP/1.1", b"GET /a\x0bb HTTP/1.1"):
        async with target.town.wire() as wire:
            wire.say(raw, f"Host: {target.host}")
            assert (await wire.answer()).status == 400
    assert await target.targets() == [path]


async def test_nobody_but_we_says_what_a_request_is_for(target: Target) -> None:
    town = target.town
    told = f"X-Perdure-Sandbox: preview {PORT} {target.token}"
    for path in ("/plain/one/", "/tricked"):
        for host in ("localhost", target.host):
            for field in (told, f"x-perdure-sandbox: port {PORT}"):
                assert (await town.get(host, path, field)).status == 400
    answer = await town.get("localhost", "/plain/one/tricked")
    assert [answer.status, answer.text] == [404, "Not found"]
    assert await target.targets() == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 000 What\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 600 What\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nno",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"garbage",
        b"",
    ],
    ids=[
        "101",
        "negative",
        "two lengths",
        "long",
        "status",
        "099",
        "000",
        "600",
        "999",
        "TLS",
        "garbage",
        "nothing",
    ],
)
async def test_hostile_answers_are_errors_and_the_next_one_is_fine(
    target: Target, answer: bytes
) -> None:
    path = f"/hostile?{answer.hex()}"
    if len(path) < 60_000:
        assert (await target.town.get(target.host, path)).status == 500
    assert (await target.town.get(target.host, "/fine")).status == 200


async def test_an_answer_cannot_pass_for_the_next_one(target: Target) -> None:
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 2
    async with target.town.wire() as wire:
        for _ in range(2):
            wire.say(f"GET /hostile?{two.hex()} HTTP/1.1", f"Host: {target.host}")
            assert (await wire.answer()).text == "ok"
            wire.say("GET / HTTP/1.1", "Host: localhost")
            assert (await wire.answer()).text == "the Worker"


RULES = """
    [[perdure.firewall]]
    path = "/private/**"
    action = "deny"
    [[perdure.firewall]]
    host = "*.closed.localhost"
    action = "deny"
"""


async def test_the_rules_of_the_firewall_are_for_previews_too(
    serve: Serving, tmp_path: Path
) -> None:
    async with served(serve, toml=RULES) as town:
        target = Target(town, await town.preview("one"), tmp_path)
        for path in ("/private/a", "/private/ws"):
            assert (await town.get(target.host, path)).status == 403
        async with town.wire() as wire:
            assert (await wire.upgrade("/private/ws", f"Host: {target.host}")).status == 403
        async with town.wire() as wire:
            origin = "Origin: http://elsewhere.example"
            assert (await wire.upgrade("/ws", f"Host: {target.host}", origin)).status == 403
        closed = f"{target.label}.closed.localhost"
        assert (await town.get(closed)).status == 403
        assert (
            await town.say(f"GET http://{closed}/a HTTP/1.1", f"Host: {target.host}")
        ).status == 403
        assert await target.targets() == []
        async with town.socket(target.host, "/ws") as wire:
            wire.send(frame(TEXT, "hello"))
            assert await wire.text() == "hello"
