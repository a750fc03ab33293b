"""The module ``cloudflare_sandbox``: what JavaScript imports from ``@cloudflare/sandbox``."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from ...sandbox.api.events import parse_sse_stream
from ...sandbox.client import get_sandbox
from ...sandbox.errors import SandboxError, SandboxSecurityError
from ...sandbox.file_stream import collect_file, stream_file
from ...sandbox.preview.proxy import proxy_to_sandbox
from ..js.options import options_of
from ..js.values import JsDict, to_native
from ..views.sandboxes import SandboxView, seen_event, snake
from .sandbox_object import Sandbox
from .transfer import incoming, outgoing

__all__ = [
    "Sandbox",
    "SandboxError",
    "SandboxSecurityError",
    "collectFile",
    "getSandbox",
    "parseSSEStream",
    "proxyToSandbox",
    "streamFile",
]

# Of the options of getSandbox; the others are about the platform's containers.
_OPTIONS = frozenset({"enable_default_session", "keep_alive", "normalize_id", "sleep_after"})


def getSandbox(namespace: Any, id: Any, options: Any = None, **more: Any) -> SandboxView:
    """The sandbox of an id: ``getSandbox(self.env.Sandbox, "echo-service")``; nothing is sent.

    Args:
        namespace: The binding of ``Sandbox``, or of a class that derives from it.
        id: What it is called.
        options: ``sleepAfter``, ``keepAlive``, ``normalizeId``, ``enableDefaultSession``; others
            are of no effect.
        more: The same, as keyword arguments.

    Raises:
        SandboxSecurityError: The id cannot be one.
    """
    given = {snake(name): value for name, value in options_of(options, more, ()).items()}
    named = {name: value for name, value in given.items() if name in _OPTIONS}
    return SandboxView(get_sandbox(to_native(namespace), id, **named))


async def proxyToSandbox(request: Any, env: Any) -> Any:
    """What the sandbox answers that the request's host is a preview URL of; None if it is none."""
    bindings = SimpleNamespace()
    if (namespace := getattr(env, "Sandbox", None)) is not None:
        bindings.Sandbox = to_native(namespace)
    return incoming(await proxy_to_sandbox(outgoing(request), bindings))


async def parseSSEStream(stream: Any) -> AsyncIterator[JsDict]:
    """The events of a stream of ``execStream``, ``streamProcessLogs`` or ``watch``, one by one."""
    async for event in parse_sse_stream(stream):
        yield seen_event(event)


async def streamFile(stream: Any) -> AsyncIterator[Any]:
    """The pieces of a file that ``readFileStream`` sends: text, or bytes if it is none."""
    async for piece in stream_file(stream):
        yield incoming(piece)


async def collectFile(stream: Any) -> JsDict:
    """All of a file that ``readFileStream`` sends: its ``content`` and ``metadata``."""
    collected: JsDict = incoming(await collect_file(stream))
    return collected
