"""WSGI applications (Flask, Django, ...) as a Worker's ``fetch``.

    from perdure.gateway import wsgi
    Default = wsgi.entrypoint(app)

The application runs in threads, so that it holds up nobody. It belongs into a Worker: an actor has
one thread, and what its gates promise holds for that one. ``environ["perdure.env"]`` has the
bindings, and ``environ["perdure.call"](env.ROOM.get_by_name("a").join, "me")`` calls an actor and
waits for what it gives.
"""

from functools import partial

from ....actors.base import WorkerEntrypoint
from ....actors.execution import current_execution
from ....actors.http import Response
from ....storage.errors import UsageError
from .entrypoint import entrypoint_of
from .incoming import native_request
from .options import Options
from .wsgi_call import WsgiApp, serve_wsgi

__all__ = ["Options", "entrypoint", "fetch"]


def entrypoint(app: WsgiApp, *, options: Options | None = None) -> type[WorkerEntrypoint]:
    """A class to be ``Default``: every request goes to ``app``."""
    return entrypoint_of(partial(fetch, options=options), app)


async def fetch(
    app: WsgiApp,
    req: object,
    env: object = None,
    ctx: object = None,
    *,
    options: Options | None = None,
) -> Response:
    """Have ``app`` answer a request, in a thread.

    Args:
        app: Any WSGI application.
        req: A Request, or a view of one.
        env: For the application, as ``environ["perdure.env"]``.
        ctx: Not needed.
        options: How it is run.

    Raises:
        NotInHandler: No handler is running.
        UsageError: It is an actor's handler.
        ProtocolMisused: The application does not keep to WSGI.
    """
    del ctx, options  # both are there for programs that pass them
    request = native_request(req)
    execution = current_execution("wsgi.fetch()")
    if execution.actor_id is not None:
        raise UsageError(
            "a WSGI application runs in threads, and an actor has only one: run the application "
            "in the Worker, and have it call the actor"
        )
    return await serve_wsgi(app, request, env, execution)
