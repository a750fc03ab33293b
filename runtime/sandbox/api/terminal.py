"""Terminals: shells that people type into, over WebSockets."""

import asyncio

from ....actors.http import Request, Response
from ....actors.socket_pair import WebSocketPair
from ....actors.websocket import WebSocket
from ..errors import SandboxError
from ..terminal_relay import FAILED, TerminalRelay, complain
from ..terminal_request import TerminalRequest, needs_upgrade, shell_command
from .argument import client_request
from .commands import environment_of
from .part import Part, Scope

_REASON_BYTES_MAX = 123  # of a close frame


class Terminal(Part):
    """Gives WebSockets terminals."""

    _terminals: "set[asyncio.Task[None]] | None" = None

    async def terminal(
        self,
        request: Request,
        *,
        cols: int = 80,
        rows: int = 24,
        shell: str | None = None,
        session_id: str | None = None,
        terminal_id: str | None = None,
    ) -> Response:
        """Give the client of a WebSocket a shell on a terminal.

        Binary messages are what is typed and shown, text messages are JSON: see docs/sandbox.md.
        The shell ends when its client goes, unless it has a ``terminal_id``: then the next client
        that asks for the same one finds it again, is shown what it has shown last, and may share
        it with others. It ends by itself, or with the sandbox's processes.

        Args:
            request: The client's, which asks for a WebSocket.
            cols: Columns of the terminal, at first.
            rows: Its lines, at first.
            shell: The program, by its path or name; bash by default, or sh where there is none.
            session_id: Whose folder and variables it starts with.
            terminal_id: What it is called within its session, if it is to stay when its client
                goes. One that is there already keeps its shell, and gets the size.

        Returns:
            What the client is to be answered: 101, or 426 if it asks for no WebSocket. What goes
            wrong with the shell later is told over the WebSocket.

        Raises:
            SandboxInvalid: There is no terminal of that size, or no such shell, or no session can
                be called so.
        """
        wanted = TerminalRequest(cols, rows, shell, session_id, terminal_id)
        if not client_request(request).is_upgrade:
            return needs_upgrade()
        scope = await self._scope_now(session_id)
        if request.resumed and wanted.kept_as is None:
            # Its shell has ended with the process that it was in: the client is closed with 1012,
            # and knows better than to go on typing into another one.
            return Response("The shell has ended with its worker\n", status=410)
        client, server = WebSocketPair()
        server.accept()
        if self._terminals is None:
            self._terminals = set()
        # No wait_until: a server that drains does not wait for people.
        serving = self._serve_terminal(server, wanted, scope, is_resumed=request.resumed)
        task = asyncio.create_task(serving)
        self._terminals.add(task)
        task.add_done_callback(self._terminals.discard)
        return Response(None, status=101, web_socket=client)

    async def _serve_terminal(
        self, socket: WebSocket, wanted: TerminalRequest, scope: Scope, *, is_resumed: bool
    ) -> None:
        kept = {} if wanted.kept_as is None else {"id": wanted.kept_as}
        try:
            async with self._stream(
                "terminal",
                cols=wanted.cols,
                rows=wanted.rows,
                command=shell_command(wanted.shell),
                **environment_of(scope, None, None),
                **kept,
            ) as stream:
                relay = TerminalRelay(socket, stream, stays=bool(kept), is_resumed=is_resumed)
                await relay.run()
        except SandboxError as error:
            complain(socket, error.message, error.code)
            reason = error.message.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
            socket.close(FAILED, reason)
        finally:
            socket.close(FAILED, "the terminal has failed")  # unless it was closed before
