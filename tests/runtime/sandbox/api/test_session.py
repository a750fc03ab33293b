"""One session, as programs have it."""

from typing import Any

import pytest

from perdure.actors.rpc import find_method
from perdure.runtime.sandbox.api.session import OF_SESSIONS, ExecutionSession
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes


class Told:
    async def exec(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    async def stop(self) -> str:
        return "stopped"


async def test_what_belongs_to_a_session_is_asked_in_it() -> None:
    session = ExecutionSession(Told(), "s")
    asked: Any = await session.exec("x", cwd="/")
    assert asked == (("x",), {"cwd": "/", "session_id": "s"})
    assert await session.stop() == "stopped"
    assert repr(session) == "<ExecutionSession s>"
    with pytest.raises(AttributeError):
        _ = session._nothing


def test_each_call_with_a_session_is_one_of_its_own() -> None:
    for name in OF_SESSIONS:
        assert callable(getattr(Sandbox, name))
        assert find_method(ExecutionSession(Told(), "s"), name) is not None


async def test_one_that_came_over_a_plain_stub_is_called_from_there(boxes: Boxes) -> None:
    stub = boxes.box().stub

    async def script() -> Any:
        session = await stub.create_session(id="s", cwd="/tmp")
        return (await session.exec("pwd")).stdout

    assert await boxes.called(script) == "/tmp\n"
