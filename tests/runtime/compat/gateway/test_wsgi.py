"""Where WSGI applications run."""

import aiohttp

from tests.serving import Serving

HEAD = """\
from perdure import DurableObject, WorkerEntrypoint
from perdure.gateway import wsgi

def app(environ, start_response):
    raise AssertionError("it does not come that far")
"""


async def test_an_actor_does_not_run_one(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(
        HEAD
        + """
class Counter(DurableObject):
    async def fetch(self, request):
        return await wsgi.fetch(app, request, self.env)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.COUNTER.get_by_name("a").fetch(request)
""",
        objects=["Counter"],
        show_errors=True,
    )
    async with http.get(server.url) as response:
        assert response.status == 500
        assert "an actor has only one" in await response.text()
