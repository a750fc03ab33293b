"""Classes of programs in Workers style that are sandboxes."""

import aiohttp
import pytest

from perdure.runtime.compat.sdk.sandbox_object import Sandbox
from tests.serving import Serving

NO_WALL = """
[perdure.sandbox]
isolation = "none"
"""
IMPORTS = """
    from workers import Response, WorkerEntrypoint
    from cloudflare_sandbox import Sandbox as Base, getSandbox
"""
ENTRYPOINT = """
    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            sandbox = getSandbox(self.env.SANDBOX, "one")
            return Response.json(await ask(self.env, sandbox))
"""


async def told(serve: Serving, http: aiohttp.ClientSession, program: str) -> object:
    server = await serve(IMPORTS + program + ENTRYPOINT, objects=["Sandbox"], toml=NO_WALL)
    async with http.get(server.url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_a_program_derives_from_it_and_has_methods_of_its_own(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        async def greeting(self, name):
            await self.writeFile("/workspace/name", name)
            result = await self.exec("echo Hello $(cat name)", {"cwd": "/workspace"})
            self.ctx.storage.kv.put("said", result.stdout)
            return {"exitCode": result.exitCode, "said": self.ctx.storage.kv.get("said")}

    async def ask(env, sandbox):
        return [await sandbox.greeting("Ada"), await env.SANDBOX.getByName("one").greeting("Bob")]
    """
    assert await told(serve, http, program) == [
        {"exitCode": 0, "said": "Hello Ada\n"},
        {"exitCode": 0, "said": "Hello Bob\n"},
    ]


async def test_hooks_are_called_under_their_names(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        async def onStart(self):
            self.note("start")

        def onStop(self, reason):
            self.note(type(reason).__name__)

        def note(self, what):
            self.ctx.storage.kv.put("notes", [*(self.ctx.storage.kv.get("notes") or []), what])

        def notes(self):
            return self.ctx.storage.kv.get("notes")

    async def ask(env, sandbox):
        await sandbox.exec("true")
        await sandbox.exec("true")
        await sandbox.destroy()
        return await sandbox.notes()
    """
    assert await told(serve, http, program) == ["start", "str"]


async def test_hooks_need_not_want_to_know_why(serve: Serving, http: aiohttp.ClientSession) -> None:
    program = """
    class Sandbox(Base):
        def onStop(self):
            self.ctx.storage.kv.put("stopped", True)

        def stopped(self):
            return self.ctx.storage.kv.get("stopped")

    async def ask(env, sandbox):
        await sandbox.exec("true")
        await sandbox.destroy()
        return await sandbox.stopped()
    """
    assert await told(serve, http, program) is True


async def test_sleep_after_of_the_class_is_what_a_sandbox_begins_with(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        sleepAfter = "5m"

        def kept(self):
            return self._inside._kept_settings()

    async def ask(env, sandbox):
        before = await sandbox.kept()
        await sandbox.setSleepAfter("30s")
        return [before, await sandbox.kept()]
    """
    assert await told(serve, http, program) == [{"sleep_after_s": 300}, {"sleep_after_s": 30}]


async def test_fetch_may_be_overridden_and_leaves_the_rest_to_its_base(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        async def fetch(self, request):
            if request.url.endswith("/mine"):
                return Response("mine")
            return await super().fetch(request)

    async def ask(env, sandbox):
        mine = await sandbox.fetch("http://sandbox/mine")
        other = await sandbox.fetch("http://sandbox/other")
        return [await mine.text(), other.status]
    """
    assert await told(serve, http, program) == ["mine", 404]


async def test_a_method_of_the_programs_goes_before_one_of_that_name(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        async def exec(self, command, options=None):
            return "no"

    async def ask(env, sandbox):
        return await sandbox.exec("true")
    """
    assert await told(serve, http, program) == "no"


async def test_perdures_own_class_is_what_it_is_in_a_program_of_this_style(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    from perdure import Sandbox as Native

    class Sandbox(Native):
        async def size(self):
            return (await self.write_file("/workspace/a", "four")).size

    async def ask(env, sandbox):
        result = await sandbox.exec("exit 3")
        return [result.exitCode, await sandbox.size()]
    """
    assert await told(serve, http, program) == [3, 4]


async def test_a_class_that_only_is_called_so_is_an_object_like_any(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    from workers import DurableObject

    class Sandbox(DurableObject):
        async def castle(self):
            return type(self.ctx).__name__

    async def ask(env, sandbox):
        return await env.SANDBOX.getByName("one").castle()
    """
    assert await told(serve, http, program) == "DurableObjectContext"


async def test_in_a_program_of_perdures_own_style_it_says_what_to_import(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    program = """
    from cloudflare_sandbox import Sandbox
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            try:
                return Response(str(await self.env.SANDBOX.get_by_name("one").exec("true")))
            except Exception as error:
                return Response(str(error))
    """
    server = await serve(program, objects=["Sandbox"], toml=NO_WALL)
    async with http.get(server.url) as answer:
        assert "import Sandbox from perdure instead" in await answer.text()


def test_names_that_no_sandbox_has_are_no_names_of_it() -> None:
    made = Sandbox.__new__(Sandbox)
    with pytest.raises(AttributeError, match="Sandbox has no windowSize"):
        _ = made.windowSize
