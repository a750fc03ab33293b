"""ASGI applications (FastAPI, Starlette, Django, ...) as a Worker's ``fetch``.

    from perdure.gateway import asgi
    Default = asgi.entrypoint(app)

``scope["env"]`` has the bindings; in FastAPI, a parameter has them with ``asgi.env`` as default.
What a framework runs in a thread calls actors with ``asgi.call(env.ROOM.get_by_name("a").go, 1)``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ....actors.base import WorkerEntrypoint
from ....actors.errors import NotInHandler
from ....actors.execution import CURRENT, current_execution
from ....actors.http import Response
from ....actors.threads import call_on
from ....storage.errors import UsageError
from .asgi_http import AsgiApp, Scope, scope_of, serve_http
from .asgi_websocket import describe, serve_websocket
from .entrypoint import entrypoint_of
from .incoming import native_request
from .lifespan import state_of
from .options import Options

# And ``env``, where FastAPI is.
__all__ = ["Options", "call", "entrypoint", "fetch", "request_to_scope", "websocket"]


def entrypoint(app: AsgiApp, *, options: Options | None = None) -> type[WorkerEntrypoint]:
    """A class to be ``Default``: every request and every WebSocket goes to ``app``."""
    return entrypoint_of(partial(fetch, options=options), app)


async def fetch(
    app: AsgiApp,
    req: object,
    env: object = None,
    ctx: object = None,
    *,
    options: Options | None = None,
) -> Response:
    """Have ``app`` answer a request, or a WebSocket's upgrade.

    Args:
        app: Any ASGI 3 application.
        req: A Request, or a view of one.
        env: For the application, as ``scope["env"]``.
        ctx: Not needed: what the application does after its answer goes on by itself.
        options: How it is run.

    Raises:
        NotInHandler: No handler is running.
        ProtocolMisused: The application does not keep to ASGI.
        StartupFailed: Its lifespan has not started.
    """
    del ctx, options  # both are there for programs that pass them
    request = native_request(req)
    execution = current_execution("asgi.fetch()")
    scope = scope_of(request, env, await state_of(app, execution))
    serve = serve_websocket if request.is_upgrade else serve_http
    return await serve(app, request, scope, execution)


async def websocket(app: AsgiApp, req: object, env: object = None) -> Response:
    """Have ``app`` answer a WebSocket's upgrade; see ``fetch``.

    Raises:
        UsageError: The request asks for no WebSocket.
    """
    request = native_request(req)
    if not request.is_upgrade:
        raise UsageError("asgi.websocket() needs a request with the header 'Upgrade: websocket'")
    return await fetch(app, request, env)


def request_to_scope(
    req: object,
    env: object,
    ws: bool = False,  # the SDK's, whose programs pass it by position
) -> Scope:
    """What an application is told of a request, for programs that call one by themselves.

    Args:
        req: A Request, or a view of one.
        env: For the application, as ``scope["env"]``.
        ws: It is to be called for a WebSocket.

    Returns:
        The scope of one connection, with a ``state`` that is empty.
    """
    request = native_request(req)
    scope = scope_of(request, env, {})
    if ws:
        describe(scope, request)
    else:
        scope["type"] = "http"
    scope["method"] = request.method  # there for WebSockets as well
    return scope


def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` where actors live, from a thread that a framework has started.

    Such are ``def`` routes of FastAPI and Starlette, and views of Django that are not async.

    Args:
        function: A stub's method, or anything else to be called on the event loop.
        args: Its arguments.
        kwargs: Likewise.

    Returns:
        What it gives; what can be awaited is awaited first.

    Raises:
        NotInHandler: The thread does not belong to a request.
        UsageError: This is the event loop's own thread: await the call there.
    """
    execution = CURRENT.get()
    if execution is None or execution.is_over:
        raise NotInHandler("asgi.call() works only in a thread that answers a request")
    return call_on(execution.loop, function, *args, **kwargs)


def __getattr__(name: str) -> Any:
    if name != "env":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fastapi import Depends  # noqa: PLC0415  # only programs that use FastAPI have it
    from starlette.requests import HTTPConnection  # noqa: PLC0415  # likewise

    def env_of(connection: HTTPConnection) -> Any:
        return connection.scope["env"]

    return Depends(env_of)
