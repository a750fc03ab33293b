"""How programs in Workers style spell sandboxes, and what they are told."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.records import _KNOWN
from perdure.runtime.compat.js.options import options_of
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.regexp import RegExp
from perdure.runtime.compat.js.values import JsDict
from perdure.runtime.compat.sdk.transfer import incoming
from perdure.runtime.compat.views.sandboxes import (
    SandboxView,
    arguments_of,
    camel,
    options_there,
    seen_event,
    snake,
)
from perdure.runtime.sandbox import public
from perdure.runtime.sandbox.api.process import Process
from perdure.runtime.sandbox.errors import SandboxProcessError
from perdure.runtime.sandbox.results import ExecResult, FileInfo, ListFilesResult

RESULT = ExecResult(
    success=True,
    exit_code=0,
    stdout="out",
    stderr="",
    command="true",
    duration=1.5,
    timestamp="2026-01-01T00:00:00.000Z",
)


class Stub:
    """Notes what it is called with, as the stub of a sandbox would be."""

    def __init__(self, answer: Any = None) -> None:
        self.id = "an-id"
        self.answer = answer
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            return self.answer

        return call


@given(st.from_regex(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", fullmatch=True))
def test_each_name_has_one_spelling(name: str) -> None:
    assert snake(camel(name)) == name
    assert "_" not in camel(name)


async def test_a_call_is_made_under_the_name_that_perdure_has_for_it() -> None:
    stub = Stub()
    await SandboxView(stub).writeFile("/workspace/a", "text")
    await SandboxView(stub).exec("ls")
    assert stub.calls == [("write_file", ("/workspace/a", "text"), {}), ("exec", ("ls",), {})]


@pytest.mark.parametrize(
    "options",
    [
        {"hostname": "example.com", "name": "web"},
        JsDict(hostname="example.com", name="web"),
        PyProxy({"hostname": "example.com", "name": "web"}),
    ],
)
def test_an_object_of_options_is_keyword_arguments(options: Any) -> None:
    wanted = ([8080], {"hostname": "example.com", "name": "web"})
    assert arguments_of("expose_port", [8080, options], {}) == wanted


def test_options_may_be_keyword_arguments_already() -> None:
    assert arguments_of("start_process", ["bun x"], {"processId": "web"}) == (
        ["bun x"],
        {"process_id": "web"},
    )


def test_what_is_not_said_is_left_out() -> None:
    for nothing in (None, jsnull, {}, {"cwd": None}):
        assert arguments_of("exec", ["ls", nothing], {}) == (["ls"], {})


def test_calls_that_begin_with_their_options_and_those_that_begin_with_a_value() -> None:
    assert arguments_of("create_session", [{"cwd": "/tmp"}], {}) == ([], {"cwd": "/tmp"})
    assert arguments_of("set_env_vars", [{"NAME": "value"}], {}) == ([{"NAME": "value"}], {})


def test_environments_keep_the_names_of_their_variables() -> None:
    env = {"someThing": "1", "OTHER": "2"}
    assert arguments_of("exec", ["env", {"env": env}], {}) == (["env"], {"env": env})


def test_milliseconds_are_seconds() -> None:
    assert arguments_of("exec", ["x", {"timeout": 1500}], {})[1] == {"timeout": 1.5}
    assert arguments_of("wait_for_port", [80, {"interval": 250}], {})[1] == {"interval": 0.25}
    assert arguments_of("git_checkout", ["u", {"cloneTimeoutMs": 2000}], {})[1] == {
        "clone_timeout": 2.0
    }
    assert arguments_of("create_session", [{"commandTimeoutMs": 500}], {})[1] == {
        "command_timeout": 0.5
    }
    assert arguments_of("wait_for_log", ["ready", 500], {}) == (["ready", 0.5], {})
    assert arguments_of("wait_for_exit", [500], {}) == ([0.5], {})
    assert arguments_of("kill_process", ["web", 9], {}) == (["web", 9], {})  # a signal is none


def test_a_program_that_is_called_gets_options_as_it_gives_them() -> None:
    given = {"timeout": 1500, "cloneTimeoutMs": 20, "processId": "web", "env": {"some_name": "1"}}
    _, named = arguments_of("exec", ["x", given], {})
    assert options_there(named) == given


def test_a_pattern_of_javascripts_is_one_of_pythons() -> None:
    (pattern,), _ = arguments_of("wait_for_log", [RegExp("^ready", "i")], {})
    assert isinstance(pattern, re.Pattern)
    assert pattern.search("READY to go")


def test_a_code_context_is_named_by_its_id() -> None:
    context = {"id": "c1", "language": "python"}
    assert arguments_of("run_code", ["1 + 1", {"context": context}], {})[1] == {"context": "c1"}
    assert arguments_of("run_code", ["1 + 1", {"context": "c1"}], {})[1] == {"context": "c1"}


def test_a_range_of_statuses_is_a_pair() -> None:
    assert arguments_of("wait_for_port", [80, {"status": {"min": 200, "max": 299}}], {})[1] == {
        "status": (200, 299)
    }


def test_a_result_is_an_object_whose_names_are_theirs() -> None:
    seen = incoming(RESULT)
    assert (seen.exitCode, seen["exitCode"], seen.stdout, seen.sessionId) == (0, 0, "out", None)
    assert not hasattr(seen, "exit_code")


def test_results_within_results_are_spelled_as_well() -> None:
    info = FileInfo(
        name="a",
        absolute_path="/workspace/a",
        relative_path="a",
        type="file",
        size=1,
        modified_at="",
        mode="rw-r--r--",
        permissions={"readable": True},
    )
    listed = ListFilesResult(success=True, path="/", files=[info], count=1, timestamp="")
    (seen,) = incoming(listed).files
    assert seen.absolutePath == "/workspace/a"
    assert seen.permissions.readable is True


async def test_a_call_gives_its_result_as_the_program_sees_it() -> None:
    assert (await SandboxView(Stub(RESULT)).exec("true")).exitCode == 0


async def test_a_call_that_nobody_awaits_is_made() -> None:
    stub = Stub()
    calling = SandboxView(stub).exec("ls")
    while not stub.calls:
        await asyncio.sleep(0)
    assert await calling is None


async def test_a_process_can_be_asked_for_more() -> None:
    stub = Stub(RESULT)
    process = Process(id="web", command="bun x", status="running", start_time="now", pid=7)
    object.__setattr__(process, "_sandbox", stub)
    seen = incoming(process)
    assert (seen.id, seen.startTime, seen["exitCode"]) == ("web", "now", None)
    assert json.loads(json.dumps(seen))["pid"] == 7
    await seen.waitForExit(1500)
    assert stub.calls == [("wait_for_exit", ("web",), {"timeout": 1.5})]
    with pytest.raises(AttributeError):
        _ = seen.noSuchThing


class Refuses:
    def get_process(self, process_id: str) -> None:
        raise SandboxProcessError("PROCESS_NOT_FOUND", "none", {"process_id": process_id})

    async def kill_process(self, process_id: str) -> None:
        self.get_process(process_id)


@pytest.mark.parametrize("name", ["getProcess", "killProcess"])
async def test_an_error_is_spelled_as_results_are(name: str) -> None:
    with pytest.raises(SandboxProcessError, match="none") as caught:
        await getattr(SandboxView(Refuses()), name)("web")
    seen: Any = caught.value
    assert (seen.code, seen.httpStatus) == ("PROCESS_NOT_FOUND", 404)
    assert seen.context == {"processId": "web"}


async def test_callbacks_see_errors_as_the_program_does() -> None:
    heard = []
    stub = Stub()
    await SandboxView(stub).exec("ls", onError=lambda error: heard.append(error.context))
    stub.calls[0][2]["on_error"](SandboxProcessError("PROCESS_ERROR", "", {"exit_code": 1}))
    assert heard == [{"exitCode": 1}]


async def test_callbacks_see_results_as_the_program_does() -> None:
    heard = []
    stub = Stub()
    await SandboxView(stub).exec("ls", onComplete=lambda result: heard.append(result.exitCode))
    stub.calls[0][2]["on_complete"](RESULT)
    assert heard == [0]


def test_events_of_a_stream_are_spelled_as_there() -> None:
    event = seen_event({"type": "complete", "exit_code": 3})
    assert (event.type, event.exitCode) == ("complete", 3)


def test_no_two_fields_of_a_result_have_one_name_there() -> None:
    assert public.ListFilesResult in _KNOWN.values()  # all are imported
    for cls in _KNOWN.values():
        names = [camel(each.name) for each in fields(cls)]  # type: ignore[arg-type]  # all are dataclasses
        assert len(names) == len(set(names)), cls
        assert not set(names) & {*dir(JsDict)}, cls  # which would be its attributes


def test_options_that_say_nothing_here_are_passed_over() -> None:
    given = options_of({"origin": "user", "autoCleanup": True, "cwd": "/"}, {}, ())
    assert arguments_of("start_process", ["x", given], {})[1] == {"cwd": "/"}
    assert arguments_of("create_session", [{"isolation": True}], {}) == ([], {})
