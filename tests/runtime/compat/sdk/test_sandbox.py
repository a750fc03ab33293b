"""The module ``cloudflare_sandbox``."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from perdure.runtime.compat.sdk import sandbox as module
from perdure.runtime.compat.sdk.sandbox import getSandbox, parseSSEStream
from perdure.runtime.sandbox.client import SandboxStub
from perdure.runtime.sandbox.errors import SandboxSecurityError
from tests.serving import Serving


class Namespace:
    """Knows who was asked for."""

    def get_by_name(self, name: str) -> str:
        return f"the stub of {name}"


def test_options_are_an_object_or_keyword_arguments() -> None:
    for view in (
        getSandbox(Namespace(), "Echo", {"sleepAfter": "1h", "keepAlive": True}),
        getSandbox(Namespace(), "Echo", sleepAfter="1h", keepAlive=True),
    ):
        native = view.native
        assert isinstance(native, SandboxStub)
        assert (native.id, native.stub) == ("echo", "the stub of echo")
        assert dict(native._settings) == {"set_sleep_after": "1h", "set_keep_alive": True}


def test_the_case_of_an_id_is_kept_when_that_is_asked_for() -> None:
    assert getSandbox(Namespace(), "Echo", {"normalizeId": False}).native.id == "Echo"


def test_options_of_containers_are_of_no_effect() -> None:
    options = {"transport": "websocket", "containerTimeouts": {"portReadyTimeoutMS": 1}}
    assert getSandbox(Namespace(), "echo", options).native.id == "echo"


def test_an_id_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(SandboxSecurityError):
        getSandbox(Namespace(), "www")


async def test_events_are_read_from_a_stream() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b'data: {"type": "start"}\n\ndata: {"type": "comp'
        yield b'lete", "exitCode": 3}\n\n'

    events = [event async for event in parseSSEStream(stream())]
    assert [event.type for event in events] == ["start", "complete"]
    assert events[1].exitCode == 3


async def test_it_is_what_a_program_imports_in_either_way(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    import cloudflare_sandbox
    from workers import Response, WorkerEntrypoint, import_from_javascript

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            same = import_from_javascript("@cloudflare/sandbox") is cloudflare_sandbox
            return Response.json([same, sorted(cloudflare_sandbox.__all__)])
    """
    server = await serve(program)
    async with http.get(server.url) as answer:
        assert await answer.json() == [True, sorted(module.__all__)]


async def test_files_changes_repositories_and_backups_are_spelled_as_there(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    from cloudflare_sandbox import Sandbox, collectFile, getSandbox, parseSSEStream, streamFile
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            box = getSandbox(self.env.SANDBOX, "one")
            stream = await box.watch("/workspace", {"include": ["*.md"]})
            await box.writeFile("a.md", "text")
            events = []
            async for event in parseSSEStream(stream):
                events.append([event.type, event.get("eventType"), event.path])
                if len(events) == 2:
                    break
            changes = await box.checkChanges("/workspace")
            again = await box.checkChanges("/workspace", {"since": changes.version})
            file = await collectFile(await box.readFileStream("a.md"))
            pieces = [piece async for piece in streamFile(await box.readFileStream("a.md"))]
            backup = await box.createBackup({"dir": "/workspace", "localBucket": True})
            await box.deleteFile("a.md")
            restored = await box.restoreBackup(backup)
            try:
                await box.gitCheckout("https://example.com/a", {"cloneTimeoutMs": 1000})
            except Exception as error:
                code = error.code
            return Response.json([
                events, again.status, [file.content, file.metadata.mimeType], pieces,
                [restored.success, restored.id == backup.id, (await box.exists("a.md")).exists],
                code,
            ])
    """
    server = await serve(program, objects=["Sandbox"])
    async with http.get(server.url) as answer:
        assert await answer.json() == [
            [["watching", None, "/workspace"], ["event", "create", "/workspace/a.md"]],
            "unchanged",
            ["text", "text/markdown"],
            ["text"],
            [True, True, True],
            "GIT_NETWORK_ERROR",
        ]
