"""ASGI applications in a Worker and in an actor."""

import aiohttp
import pytest

from perdure import NotInHandler, Request, UsageError
from perdure.gateway import asgi, wsgi
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.sdk.messages import Request as SdkRequest
from tests.serving import Serving

ECHO = """\
from types import SimpleNamespace
from perdure import WorkerEntrypoint
from perdure.gateway import asgi

async def app(scope, receive, send):
    assert scope["type"] == "http"
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        view = SimpleNamespace(native=request)
        if request.parsed_url.path == "/sdk":
            view = SimpleNamespace(js_object=view)
        return await asgi.fetch(app, view, self.env)
"""


async def test_what_is_sent_waits_until_it_is_durable_in_an_actor(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    """An actor may answer with an application too: its gates hold for what that sends."""
    server = await serve(
        """
from perdure import DurableObject, WorkerEntrypoint
from perdure.gateway import asgi

class Counter(DurableObject):
    async def app(self, scope, receive, send):
        number = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", number)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(number).encode()})

    async def fetch(self, request):
        return await asgi.fetch(self.app, request, self.env)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.COUNTER.get_by_name("a").fetch(request)
""",
        objects=["Counter"],
    )
    numbers = []
    for _ in range(3):
        async with http.get(server.url) as response:
            numbers.append(await response.text())
    assert numbers == ["1", "2", "3"]


async def test_views_of_requests_are_taken(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(ECHO)
    for path in ("/", "/sdk"):
        async with http.post(server.url + path, data=b"echoed") as response:
            assert await response.read() == b"echoed"


async def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(TypeError, match="not dict: pass on what fetch"):
        await asgi.fetch(_app, {})


async def test_a_request_that_is_no_upgrade_opens_no_websocket() -> None:
    with pytest.raises(UsageError, match="Upgrade: websocket"):
        await asgi.websocket(_app, Request("http://do/"))


def test_the_scope_of_a_request_for_who_calls_an_application_by_itself() -> None:
    env, url = object(), "https://example.com:8443/a%20b?x=1"
    fields = {"X-A": "1", "Content-Type": "text/plain"}
    ours = Request(url, method="PUT", headers=fields)
    for request in (
        ours,
        JsRequest(url, method="PUT", headers=fields),
        SdkRequest(url, method="PUT", headers=fields),
    ):
        scope = asgi.request_to_scope(request, env)
        assert scope.pop("asgi")["version"] == "3.0"
        assert scope == {
            "type": "http",
            "method": "PUT",
            "scheme": "https",
            "http_version": "1.1",
            "path": "/a b",
            "raw_path": b"/a%20b",
            "root_path": "",
            "query_string": b"x=1",
            "headers": [(b"x-a", b"1"), (b"content-type", b"text/plain")],
            "server": ("example.com", 8443),
            "client": None,
            "state": {},
            "env": env,
        }
    with pytest.raises(TypeError, match="not str: pass on what fetch"):
        asgi.request_to_scope(url, env)


def test_the_scope_of_a_websocket_for_who_calls_an_application_by_itself() -> None:
    fields = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": "chat, talk"}
    scope = asgi.request_to_scope(Request("https://example.com/", headers=fields), None, True)
    assert (scope["type"], scope["scheme"], scope["method"]) == ("websocket", "wss", "GET")
    assert scope["subprotocols"] == ["chat", "talk"]
    assert "extensions" not in scope


async def _app(scope: object, receive: object, send: object) -> None:
    raise AssertionError("nobody asks it")


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'serve'"):
        asgi.serve


def test_entrypoints_are_called_default_in_logs_and_traces() -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    made = (asgi.entrypoint(app), wsgi.entrypoint(lambda environ, start_response: []))
    assert [each.__qualname__ for each in made] == ["Default", "Default"]


def test_call_belongs_into_a_thread_of_a_request() -> None:
    with pytest.raises(NotInHandler, match="answers a request"):
        asgi.call(str)
