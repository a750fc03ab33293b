"""Classes of programs in Workers style that are sandboxes."""

import aiohttp
import pytest

from perdure.runtime.compat.sdk.sandbox_object import Sandbox
from perdure.runtime.compat.views.sandboxes import camel
from perdure.runtime.sandbox.api.files import Files as NativeFiles
from perdure.runtime.sandbox.api.life import Life as NativeLife
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


async def test_a_program_overrides_calls_and_calls_what_they_were(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        async def exec(self, command, options=None):
            result = await super().exec("echo before; " + command, options)
            return {**result, "timeout": options["timeout"]}

        async def writeFile(self, path, content, options=None):
            return await super().writeFile(path, content.upper(), options)

    async def ask(env, sandbox):
        await sandbox.writeFile("/workspace/a", "text", {"encoding": "utf-8"})
        result = await sandbox.exec("cat a", {"timeout": 5000})
        return [result.stdout, result.timeout, result.exitCode]
    """
    assert await told(serve, http, program) == ["before\nTEXT", 5000, 0]


async def test_a_plain_stub_calls_by_the_same_names(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = """
    class Sandbox(Base):
        pass

    async def ask(env, sandbox):
        stub = env.SANDBOX.getByName("one")
        written = await stub.writeFile("/workspace/a", "text")
        result = await stub.exec("cat a; exit 3", {"timeout": 5000})
        heard = []
        await stub.exec("echo heard", {"onOutput": lambda name, text: heard.append([name, text])})
        return [written.size, result.exitCode, result.stdout, heard]
    """
    assert await told(serve, http, program) == [4, 3, "text", [["stdout", "heard\n"]]]


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


@pytest.mark.parametrize("name", ["fetch", "_ask", "__init__", "onStart.real"])
async def test_what_is_no_call_cannot_be_called(
    name: str, serve: Serving, http: aiohttp.ClientSession
) -> None:
    program = f"""
    class Sandbox(Base):
        pass

    async def ask(env, sandbox):
        try:
            await getattr(env.SANDBOX.getByName("one").native, "{name}")("status", {{}})
        except Exception as error:
            return type(error).__name__
    """
    found = await told(serve, http, program)
    assert found in {"NoSuchMethod", "ReservedMethod", "AttributeError", "TypeError"}


def test_each_call_of_perdures_class_is_one_of_this_under_its_name_there() -> None:
    calls = {name for name in vars(NativeLife) | vars(NativeFiles) if not name.startswith("_")}
    assert {"read_file", "set_sleep_after", "on_stop"} <= calls
    for name in calls:
        assert callable(getattr(Sandbox, camel(name))), name
