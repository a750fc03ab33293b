"""``Sandbox``: a Durable Object class with programs of its own."""

from dataclasses import asdict

from ...actors.base import DurableObject
from ...actors.http import Request, Response
from .api.backups import Backups
from .api.file_streams import FileStreams
from .api.git import Git
from .api.interpreter import Interpreter
from .api.life import Life
from .api.ports import Ports
from .api.processes import Processes
from .api.sessions import Sessions
from .api.terminal import Terminal
from .api.unavailable import Unavailable
from .api.watching import Watching
from .preview.connecting import PURPOSE as PORT
from .preview.proxy import PURPOSE as PREVIEW
from .purpose import purpose_of
from .terminal_request import PURPOSE as TERMINAL
from .terminal_request import TerminalRequest


class Sandbox(
    Life,
    Sessions,
    FileStreams,
    Watching,
    Git,
    Backups,
    Processes,
    Ports,
    Terminal,
    Interpreter,
    Unavailable,
    DurableObject,
):
    """An actor that starts programs, behind a wall, and owns their files and processes.

    Bind it and migrate it as any other class: ``from perdure import Sandbox`` in ``main``, and
    ``class_name = "Sandbox"`` in the configuration, whose table ``[perdure.sandbox]`` says what is
    in it. Call it through ``get_sandbox(env.SANDBOX, "an-id")``, or derive from it: every call is a
    method of ``self``, and ``on_start``, ``on_stop`` and ``on_error`` are called.

    What runs inside goes on when the actor leaves memory and when its worker is replaced; it ends
    with the server. Its files stay until ``destroy()``. docs/sandbox.md says what the wall is, and
    what it is not.
    """

    async def fetch(self, request: Request) -> Response:
        """Answer what the calls of ``get_sandbox`` send; all else gets 404.

        Who overrides it has ``return await super().fetch(request)`` for what is not theirs.
        """
        purpose, rest = purpose_of(request)
        if purpose == PREVIEW:
            return await self._serve_preview(request, rest)
        if purpose == PORT:
            return await self.ws_connect(request, int(rest))
        if purpose == TERMINAL:
            return await self.terminal(request, **asdict(TerminalRequest.of_text(rest)))
        return Response("Not found", status=404)
