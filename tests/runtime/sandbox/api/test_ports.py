"""Ports as a program exposes them, and who gets in."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.sandbox.errors import SandboxInvalid, SandboxSecurityError
from tests.runtime.sandbox.boxes import Boxes
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


async def test_exposing_tells_the_url_and_doing_it_again_tells_the_same(town: Served) -> None:
    exposed = await town.call("one", "expose_port", PORT, "example.com:444", name="web")
    token = exposed["url"].removeprefix("https://8080-one-").removesuffix(".example.com:444")
    assert len(token) == 16
    assert exposed == {
        "url": f"https://8080-one-{token}.example.com:444",
        "exposed_at": exposed["url"],
        "port": PORT,
        "name": "web",
        "status": "active",
    }
    assert await town.call("one", "expose_port", PORT, "example.com:444") == exposed
    again = await town.call("one", "expose_port", PORT, "127.0.0.1", token=token, name="web")
    assert again["url"] == f"http://8080-one-{token}.localhost:{town.server.port}"


async def test_exposed_otherwise_it_says_that_it_is_exposed_already(town: Served) -> None:
    await town.call("one", "expose_port", PORT, "localhost", token="mine", name="web")
    for other in ({"token": "other"}, {"name": "other"}):
        status, error = await town.asked("one", "expose_port", PORT, "localhost", **other)
        assert [status, error["code"]] == [409, "PORT_ALREADY_EXPOSED"]
        assert error["context"] == {"port": PORT}
    await town.call("one", "unexpose_port", PORT)
    assert (await town.call("one", "expose_port", PORT, "localhost", token="other"))["name"] is None


async def test_a_token_is_of_one_port_only(town: Served) -> None:
    await town.call("one", "expose_port", PORT, "localhost", token="mine")
    status, error = await town.asked("one", "expose_port", 8081, "localhost", token="mine")
    assert [status, error["code"]] == [400, "INVALID_TOKEN"]
    assert "in use by port 8080" in error["message"]
    assert await town.call("one", "is_port_exposed", 8081) is False


@pytest.mark.parametrize(
    ("name", "port", "hostname", "options", "code"),
    [
        ("one", 3000, "localhost", {}, "INVALID_PORT"),
        ("one", 80, "localhost", {}, "INVALID_PORT"),
        ("one", "8080", "localhost", {}, "INVALID_PORT"),
        ("one", 8080, "localhost", {"token": "not-mine"}, "INVALID_TOKEN"),
        ("one", 8080, "localhost", {"token": ""}, "INVALID_TOKEN"),
        ("one", 8080, "https://localhost", {}, "VALIDATION_FAILED"),
        ("one", 8080, None, {}, "VALIDATION_FAILED"),
        ("one", 8080, "a.workers.dev", {}, "CUSTOM_DOMAIN_REQUIRED"),
        ("a" * 41, 8080, "localhost", {}, "INVALID_SANDBOX_ID"),
        ("o.ne", 8080, "localhost", {}, "INVALID_SANDBOX_ID"),
    ],
)
async def test_what_cannot_be_exposed_is_refused_before_anything_starts(
    town: Served, name: str, port: Any, hostname: Any, options: dict[str, str], code: str
) -> None:
    _, error = await town.asked(name, "expose_port", port, hostname, **options)
    assert error["code"] == code
    assert (await town.call(name, "get_status"))["is_running"] is False


async def test_what_is_exposed_is_listed_by_its_port(town: Served) -> None:
    assert await town.call("one", "get_exposed_ports", "localhost") == []
    for port in (9000, 8080):
        await town.call("one", "expose_port", port, "localhost", token=f"t{port}")
    listed = await town.call("one", "get_exposed_ports", "localhost")
    assert [each["url"] for each in listed] == [
        f"http://{port}-one-t{port}.localhost:{town.server.port}" for port in (8080, 9000)
    ]
    assert await town.call("one", "is_port_exposed", 8080) is True
    assert await town.call("one", "is_port_exposed", 80) is False
    assert await town.call("one", "validate_port_token", 8080, "t8080") is True
    assert await town.call("one", "validate_port_token", 8080, "t9000") is False
    assert await town.call("one", "validate_port_token", 1, "") is False


async def test_what_is_not_exposed_any_more_is_not_reached(town: Served) -> None:
    host = await town.preview("one")
    assert (await town.get(host)).status == 200
    await town.call("one", "unexpose_port", PORT)
    answer = await town.get(host)
    assert [answer.status, json.loads(answer.body)["code"]] == [404, "INVALID_TOKEN"]
    for _ in range(2):
        status, error = await town.asked("one", "unexpose_port", PORT)
        assert [status, error["code"]] == [404, "PORT_NOT_EXPOSED"]
    _, error = await town.asked("one", "unexpose_port", 80)
    assert error["code"] == "INVALID_PORT"


async def test_a_sandbox_that_has_ended_is_stale_and_is_not_started_for_that(town: Served) -> None:
    host = await town.preview("one")
    await town.call("one", "stop")
    answer = await town.get(host)
    assert [answer.status, json.loads(answer.body)["code"]] == [410, "STALE_PREVIEW_URL"]
    assert (await town.call("one", "get_status"))["is_running"] is False
    assert await town.call("one", "get_exposed_ports", "localhost") == []
    assert await town.call("one", "is_port_exposed", PORT) is False
    await town.start("one")
    assert (await town.get(host)).status == 410
    assert await town.expose("one") == host
    assert (await town.get(host)).status == 200


async def test_after_destroy_nobody_knows_the_token(town: Served) -> None:
    host = await town.preview("one")
    await town.call("one", "destroy")
    assert (await town.get(host)).status == 404
    assert await town.preview("one") != host


async def test_a_wrong_token_is_refused_whatever_the_sandbox_does(town: Served) -> None:
    host = await town.preview("one")
    label, _, rest = host.partition(".")
    wrong = f"{label[:-1]}{'a' if label[-1] != 'a' else 'b'}.{rest}"
    for _ in range(2):
        answer = await town.get(wrong)
        assert answer.status == 404
        assert json.loads(answer.body) == {
            "error": "Access denied: Invalid token or port not exposed",
            "code": "INVALID_TOKEN",
        }
        await town.call("one", "stop")


async def test_tokens_outlive_the_actors_memory(serve: Serving) -> None:
    async with served(serve, toml="[perdure]\nidle_timeout_s = 0.05") as town:
        host = await town.preview("one")
        async with town.http.get(town.url) as response:
            assert response.status == 200
        for _ in range(3):  # the actor comes and goes meanwhile
            assert (await town.get(host)).status == 200


async def test_a_port_that_is_no_number_is_told_as_such(boxes: Boxes) -> None:
    box: Any = boxes.box()
    for asked in (box.is_port_exposed("8080"), box.validate_port_token("8080", "token")):
        with pytest.raises(SandboxSecurityError, match="Invalid port number: '8080'"):
            await asked
    assert not await box.is_port_exposed(80)
    with pytest.raises(SandboxInvalid, match="name is text; it was given 3"):
        await box.expose_port(8080, "localhost", name=3)
