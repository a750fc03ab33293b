"""A code host in a real sandbox, for tests that ask it directly."""

from contextlib import aclosing
from typing import Any

from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.interpreter.code_host import CodeHost
from perdure.runtime.sandbox.interpreter.packages import package_folders
from tests.runtime.sandbox.sandboxes import Sandboxes


class Hosted:
    """A sandbox, and the code host in it as one actor knows it."""

    def __init__(self, connection: SandboxConnection, memory: dict[str, Any] | None = None) -> None:
        self.connection = connection
        self.memory: dict[str, Any] = {} if memory is None else memory
        self.host = CodeHost(lambda: self.memory.get("host"), self._remember)

    def _remember(self, address: dict[str, Any]) -> None:
        self.memory["host"] = address

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        return await self.host.ask(self.connection, {"op": op, **fields}, starts=True)

    async def create(self, language: str = "python", **fields: Any) -> str:
        record = await self.ask("create", language=language, start_timeout_s=60.0, **fields)
        return str(record["id"])

    async def run(
        self, code: str, context: str | None = None, timeout_s: float | None = 60.0, **fields: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Run code; return its events but the last, and the answer."""
        where = (
            {"language": "python", "start_timeout_s": 60.0} if context is None else {"id": context}
        )
        request = {"op": "run", "code": code, "timeout_s": timeout_s, **where, **fields}
        events: list[dict[str, Any]] = []
        async with aclosing(self.host.messages(self.connection, request, starts=True)) as messages:
            async for message in messages:
                if "event" in message:
                    events.append(message["event"])
                elif "answer" in message:
                    assert events.pop()["type"] == "execution_complete"
                    return events, message["answer"]
        raise AssertionError("there was no answer")

    async def text(self, code: str, context: str | None = None) -> str:
        """Run code that goes well; return the text of what it shows."""
        events, _ = await self.run(code, context)
        assert [event for event in events if event["type"] == "error"] == []
        return "".join(event["text"] for event in events if event["type"] == "result")


async def hosted(sandboxes: Sandboxes, **settings: Any) -> Hosted:
    packages = [str(path) for path in package_folders()]
    return Hosted(await sandboxes.open(packages=packages, **settings))
