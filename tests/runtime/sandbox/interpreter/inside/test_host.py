"""The server of the code host, in this process: contexts are those of other tests."""

import asyncio
import json
import socket
from typing import Any

import pytest

from perdure.runtime.sandbox.interpreter.inside import host as hosts
from perdure.runtime.sandbox.interpreter.inside.contexts import Contexts
from perdure.runtime.sandbox.interpreter.inside.host import Host, make_kernel
from perdure.runtime.sandbox.interpreter.inside.kernel import Refused, Surroundings

SECRET = "s" * 64


class Served:
    def __init__(self, folder: str) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        contexts = Contexts(folder, folder, [], make_kernel)
        self.serving = asyncio.ensure_future(Host(SECRET, contexts).serve(self.listening))

    async def say(self, data: bytes) -> bytes:
        """Send something; return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def ask(self, request: Any) -> list[dict[str, Any]]:
        said = await self.say(SECRET.encode() + json.dumps(request).encode() + b"\n")
        lines = [json.loads(line) for line in said.splitlines()]
        assert lines[:1] in ([], [{}])  # that it was heard
        return [message for message in lines if message]


@pytest.fixture
async def served(tmp_path: Any) -> Any:
    served = Served(str(tmp_path))
    yield served
    served.serving.cancel()
    await asyncio.wait({served.serving})


async def test_who_does_not_know_the_secret_hears_nothing(served: Served) -> None:
    request = b'{"op": "list"}\n'
    assert await served.say(b"t" * 64 + request) == b""
    assert await served.say(b"s" * 63 + b"t" + request) == b""
    assert await served.ask({"op": "list"}) == [{"answer": {"contexts": []}}]


async def test_who_says_nothing_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_INTRODUCED_WITHIN_S", 0.05)
    assert await served.say(b"s" * 10) == b""


@pytest.mark.parametrize("request_", [[], "x", {}, {"op": 3}, {"op": "no"}])
async def test_what_makes_no_sense_ends_one_request(served: Served, request_: Any) -> None:
    answers = await served.ask(request_)
    assert all(answer["error"]["code"] == "VALIDATION_FAILED" for answer in answers)
    assert bool(answers) == isinstance(request_, dict)
    assert await served.ask({"op": "list"}) == [{"answer": {"contexts": []}}]


async def test_a_context_that_there_is_not_is_refused(served: Served) -> None:
    for operation in ("run", "delete"):
        [answer] = await served.ask({"op": operation, "id": "x", "code": "1"})
        assert answer["error"]["code"] == "CONTEXT_NOT_FOUND"
        assert answer["error"]["context"] == {"context_id": "x"}


async def test_a_bug_of_ours_ends_one_request(served: Served) -> None:
    request = {"op": "create", "language": "python", "start_timeout_s": "soon"}
    [answer] = await served.ask(request)
    assert answer["error"]["code"] == "CODE_EXECUTION_ERROR"
    assert "soon" in answer["error"]["message"]


async def test_it_ends_when_nobody_needs_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.ask({"op": "list"})
    monkeypatch.setattr(hosts, "UNUSED_S", 0.05)  # from the end of the next
    await served.ask({"op": "list"})
    async with asyncio.timeout(60):
        await served.serving
    with pytest.raises(ConnectionRefusedError):
        await served.ask({"op": "list"})


async def test_there_are_two_languages() -> None:
    surroundings = Surroundings(packages=[], folder="/", is_short=True, cwd="/", environment={})
    for language in ("python", "javascript"):
        assert make_kernel(language, surroundings)
    with pytest.raises(Refused, match="no language 'perl'"):
        make_kernel("perl", surroundings)
