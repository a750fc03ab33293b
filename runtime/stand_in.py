"""Has the port of a server whose program cannot be started yet, and tells whoever asks why.

For who writes the program: ``perdure dev`` serves it as soon as it is mended, at this port.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from ..actors.http import Request, Response
from .config.model import WorkerConfig
from .edge.error_page import problem_page
from .edge.ports import named, open_ports
from .edge.request_record import RequestRecord
from .front_side import FrontSide, on_free_port, url_of
from .host.worker import OnResponse
from .starting import Launch

# Asked by the page that this answers with; answered when that page is out of date.
CHANGED_PATH = "/__perdure/changed"
_HEADERS = {"Cache-Control": "no-store"}


class StandIn:
    """Answers every request with what is wrong. Is an ``Answerer``.

    Attributes:
        sockets: Those of the port; whoever is to follow listens at copies of them.
    """

    def __init__(self, problem: str, on_request: Callable[[RequestRecord], None]) -> None:
        self.sockets: Sequence[socket.socket] = ()
        self._problem = problem
        self._on_request = on_request
        self._waiting: list[OnResponse] = []
        self._cleanup = AsyncExitStack()

    @classmethod
    async def start(
        cls,
        config: WorkerConfig,
        launch: Launch,
        problem: str,
        on_request: Callable[[RequestRecord], None],
    ) -> "StandIn":
        """Listen where the server was to.

        Args:
            config: Of the program.
            launch: How its server was to be started.
            problem: What is wrong.
            on_request: Told of every request.

        Raises:
            PortTaken: Somebody else listens there, or the address is none of this machine's.
            ConfigError, CertificateRefused: As ``FrontSide`` does.
        """
        stand_in = cls(problem, on_request)
        try:
            await stand_in._listen(config, launch)
        except BaseException:
            await stand_in._cleanup.aclose()
            raise
        return stand_in

    async def _listen(self, config: WorkerConfig, launch: Launch) -> None:
        loop = asyncio.get_running_loop()
        side = FrontSide(config, loop, self._cleanup, os.environ)
        side.assemble(self, None, show_errors=True, on_request=self._tell)
        self.sockets = await on_free_port(
            open_ports, launch.host, launch.port, port_is_fixed=launch.port_is_fixed
        )
        for one in self.sockets:
            self._cleanup.callback(one.close)
        await side.listen_on([one.dup() for one in self.sockets], launch.host)
        self._side = side
        self.url = url_of(*named(launch.host, self.sockets), config)

    def _tell(self, record: RequestRecord) -> None:
        if record.path != CHANGED_PATH:
            self._on_request(record)

    @property
    def problem(self) -> str:
        """What is wrong."""
        return self._problem

    @problem.setter
    def problem(self, problem: str) -> None:
        self._problem = problem
        self._tell_pages()

    @property
    def port(self) -> int:
        """The port it got."""
        return self._side.port

    @property
    def is_waited_for(self) -> bool:
        """Whether a page waits to hear that it is out of date."""
        return bool(self._waiting)

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Say what is wrong."""
        fields = request.header_fields()
        if request.parsed_url.path == CHANGED_PATH:
            self._waiting.append(on_response)
        elif "text/html" in fields.get("Accept", ""):
            page = problem_page(self._problem, CHANGED_PATH)
            headers = {**_HEADERS, "Content-Type": "text/html; charset=utf-8"}
            on_response(Response(page, status=500, headers=headers), None)
        else:
            on_response(Response(f"{self._problem}\n", status=500, headers=_HEADERS), None)

    async def close(self) -> None:
        """Let go of the port; pages that are open are loaded again."""
        self._side.close_port()
        self._tell_pages()
        now = asyncio.get_running_loop().time()
        await self._side.drain(now + 1.0)
        await self._side.close(now)
        await self._side.port_closed()
        await self._cleanup.aclose()

    def _tell_pages(self) -> None:
        waiting, self._waiting = self._waiting, []
        for on_response in waiting:
            on_response(Response(None, status=204, headers=_HEADERS), None)
