"""Programs with sandboxes, as they are served."""

import aiohttp
import pytest

from tests.serving import Serving

MAIN = """
    from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            box = get_sandbox(self.env.SANDBOX, "one")
            if request.url.endswith("/end"):
                await box.destroy()
                return Response("ended")
            process = await box.start_process("sleep 987")
            result = await box.exec("echo hello; pgrep -c sleep")
            return Response(result.stdout)
"""
NONE = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Sandbox(DurableObject):
        pass

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("no sandbox")
"""


@pytest.mark.parametrize("isolation", ["none", "bubblewrap"])
async def test_a_worker_runs_programs(
    serve: Serving, http: aiohttp.ClientSession, isolation: str
) -> None:
    toml = f'[perdure.sandbox]\nisolation = "{isolation}"'
    server = await serve(MAIN, objects=["Sandbox"], toml=toml)
    async with http.get(server.url) as response:
        said = (await response.text()).split()
        assert (response.status, said[0]) == (200, "hello")
        assert isolation == "none" or said[1] == "1"
    async with http.get(f"{server.url}/end") as response:
        assert await response.text() == "ended"


async def test_nothing_is_started_for_programs_without(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(NONE, objects=["Sandbox"])
    async with http.get(server.url) as response:
        assert await response.text() == "no sandbox"
    assert not list(serve.root.rglob("launcher.sock"))
