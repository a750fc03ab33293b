"""A sandbox, as whoever has a binding to it calls it."""

import asyncio
import re
from typing import Any

import pytest

from perdure.actors.http import Request
from perdure.runtime.sandbox.api.process import Process
from perdure.runtime.sandbox.client import SandboxStub, checked_id, get_sandbox
from perdure.runtime.sandbox.errors import SandboxInvalid, SandboxSecurityError
from tests.runtime.sandbox.boxes import Boxes


class Stub:
    """Remembers what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> "asyncio.Future[Any]":
            self.asked.append((name, args, kwargs))
            future = asyncio.get_running_loop().create_future()
            future.set_result([PROCESS] if name == "list_processes" else name)
            return future

        return call


PROCESS = Process(id="p", command="x", status="running", start_time="2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    "sandbox_id",
    ["", "-a", "a-", "x" * 64, "www", "Admin", "cloudflare", None, 3],
)
def test_what_cannot_be_an_id_is_refused(sandbox_id: Any) -> None:
    with pytest.raises(SandboxSecurityError, match="cannot be the id") as raised:
        checked_id(sandbox_id)
    assert raised.value.code == "INVALID_SANDBOX_ID"
    assert raised.value.http_status == 400


def test_ids_are_in_lower_case_unless_one_wants_them_as_they_are(boxes: Boxes) -> None:
    namespace = boxes.namespace()
    assert get_sandbox(namespace, "My-Box").id == "my-box"
    assert get_sandbox(namespace, "My-Box").stub.id == namespace.id_from_name("my-box")
    kept = get_sandbox(namespace, "My-Box", normalize_id=False)
    assert (kept.id, kept.stub.id) == ("My-Box", namespace.id_from_name("My-Box"))
    assert repr(kept) == "<SandboxStub My-Box>"


async def test_settings_are_sent_in_front_of_the_first_call_and_only_there() -> None:
    stub = Stub()
    box = SandboxStub(stub, "s", {"set_sleep_after": "10m", "set_keep_alive": True, "other": None})
    assert await box.mkdir("a", recursive=True) == "mkdir"  # type: ignore[comparison-overlap]  # of our stub
    await box.mkdir("b")
    assert stub.asked == [
        ("set_sleep_after", ("10m",), {}),
        ("set_keep_alive", (True,), {}),
        ("mkdir", ("a",), {"recursive": True}),
        ("mkdir", ("b",), {}),
    ]


async def test_processes_in_answers_ask_through_it() -> None:
    box = SandboxStub(Stub(), "s")
    [process] = await box.list_processes()
    await process.kill()
    assert box.stub.asked[-1] == ("kill_process", ("p", "SIGTERM"), {})


async def test_patterns_travel() -> None:
    box = SandboxStub(Stub(), "s")
    await box.wait_for_log("p", re.compile("x", re.IGNORECASE), timeout=1)
    await box.wait_for_log("p", "text")
    first, second = box.stub.asked
    assert first == ("wait_for_log", ("p", "x"), {"flags": re.compile("x", 2).flags, "timeout": 1})
    assert second == ("wait_for_log", ("p", "text"), {})


def test_names_with_an_underscore_are_nothing_of_the_sandbox() -> None:
    with pytest.raises(AttributeError):
        _ = SandboxStub(Stub(), "s")._private


async def test_the_actors_own_fetch_is_reached(boxes: Boxes) -> None:
    response = await boxes.box().fetch(Request("http://x/"))
    assert (response.status, await response.text()) == (404, "Not found")


def test_what_is_no_binding_is_told() -> None:
    nothing: Any = None
    with pytest.raises(SandboxInvalid, match=r"takes the binding .* it was given None"):
        get_sandbox(nothing, "an-id")


async def test_who_is_to_be_connected_has_asked() -> None:
    box: Any = SandboxStub(Stub(), "s")
    for connecting in (box.ws_connect(None, 8080), box.terminal(None)):
        with pytest.raises(SandboxInvalid, match="request is the client's Request"):
            await connecting


async def test_an_option_that_there_is_not_is_told_under_the_name_of_the_call() -> None:
    box: Any = SandboxStub(Stub(), "s")
    with pytest.raises(TypeError, match=r"create_session\(\) got an unexpected keyword argument"):
        await box.create_session(cdw="/workspace")
