"""Lines to all processes of a server, and operations that are asked for over them.

*Promise*: an operation is begun by one process at most. One for which there is no process waits for
the next in its place; one that had been begun when its process went fails, and says that its
outcome is unknown. A process that answers what is no answer is not asked again.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

from ...control.answer import Garbled
from ...control.client import RemoteOperations
from ...control.line import Line, LineEnded
from ...control.protocol import Failure, Leaving, OperationFailed
from ...host.operations.house import Told, Values
from ..supervisor.places import Identity, Place, Role
from ..supervisor.states import JOINED, LEAVING, ChildState
from ..supervisor.statistics import ProcessStatistics
from . import errors

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace

# So long is waited for a successor; as long as events of clients wait for it (peers.py).
WAIT_S = 30.0
_HAS_ITS_END = JOINED | {ChildState.READY}
_GOING = LEAVING | {ChildState.RELAYING, ChildState.DRAINING}


def _nobody_cares(identity: Identity, problem: str) -> None:
    """It is told to who asked, and that is all."""


class Lines:
    """By the processes they lead to.

    Args:
        wait_s: How long an operation waits for a process.

    Attributes:
        on_lie: Told of a process that answers what is no answer, and what is wrong with it.
    """

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self.on_lie: Callable[[Identity, str], None] = _nobody_cares
        self._wait_s = wait_s
        self._lines: dict[Identity, Line] = {}
        self._serving: dict[Place, Line] = {}
        self._is_stopping = False
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def open(self, identity: Identity) -> socket.socket:
        """Return the end for a process that is about to be told what to be, which gets a copy.

        Raises:
            OSError: There are no descriptors left.
        """
        line = self._lines[identity] = Line()
        return line.other_end

    def changed(self, process: ProcessStatistics) -> None:
        """See what has become of a process. Is for ``Supervisor.on_change``."""
        if process.role is None:
            return
        place = Place(process.role, process.slot)
        identity = Identity(place, process.generation)
        line = self._lines.get(identity)
        if line is None:
            return
        if process.state in _HAS_ITS_END:
            line.handed_over()
        if process.state is ChildState.SERVING:
            self._serving[place] = line
            self._wake()
        elif process.state in _GOING and self._serving.get(place) is line:
            del self._serving[place]
        if process.state is ChildState.DEAD:
            del self._lines[identity]
            line.close()

    def stop_waiting(self) -> None:
        """No successor comes any more: who waits for one is told so, and who comes later."""
        self._is_stopping = True
        self._wake()

    def close(self) -> None:
        """Let go of all lines."""
        self.stop_waiting()
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        self._serving.clear()

    @property
    def is_stopping(self) -> bool:
        """No successor comes any more."""
        return self._is_stopping

    def slots_of(self, role: Role) -> list[str]:
        """The slots in which processes of a role serve now."""
        return [place.slot for place in self._serving if place.role is role]

    async def next_change(self) -> None:
        """Return when another process serves, or none will any more."""
        await asyncio.wait({self._change})

    def is_serving(self, place: Place) -> bool:
        """Say whether a process can be asked there now."""
        return place in self._serving

    async def ask(self, place: Place, name: str, arguments: Values, told: Told) -> Values:
        """Have an operation done by the process in a place, or by the next one there.

        Raises:
            OperationFailed: It was not done, or it is not known whether it was.
        """
        deadline = asyncio.get_running_loop().time() + self._wait_s
        while True:
            line = await self._wait_for(place, deadline)
            try:
                return await self._ask(line, place, name, arguments, told)
            except LineEnded:
                pass
            except OperationFailed as error:
                if error.failure.kind != Leaving.__name__:
                    raise
            if self._serving.get(place) is line:
                del self._serving[place]

    async def ask_process(self, identity: Identity, name: str, told: Told) -> Values:
        """Have a certain process say something, whether it serves or is on its way out.

        Raises:
            OperationFailed: It has not.
            LineEnded: It cannot.
        """
        line = self._lines.get(identity)
        if line is None:
            raise LineEnded("it has gone")
        return await self._ask(line, identity.place, name, {}, told)

    async def _wait_for(self, place: Place, deadline: float) -> Line:
        loop = asyncio.get_running_loop()
        while (line := self._serving.get(place)) is None:
            if self._is_stopping:
                raise errors.stopping()
            if loop.time() >= deadline:
                raise errors.away(place, self._wait_s)
            await asyncio.wait({self._change}, timeout=max(deadline - loop.time(), 0.0))
        return line

    async def _ask(
        self, line: Line, place: Place, name: str, arguments: Values, told: Told
    ) -> Values:
        def gone(error: aiohttp.ClientError) -> Failure:
            del error  # an end of the stream, however it shows
            return errors.lost(place)

        def garbled(error: Garbled) -> Failure:
            for identity in [one for one, its_line in self._lines.items() if its_line is line]:
                self.on_lie(identity, error.problem)
            return errors.lies(place, error.problem)

        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=_Connector(line), timeout=timeout) as session:
            return await RemoteOperations(session, gone, garbled).run(name, arguments, told)

    def _wake(self) -> None:
        change, self._change = self._change, self._change.get_loop().create_future()
        change.set_result(None)


class _Connector(aiohttp.BaseConnector):
    """Has connections of a line, each for one request."""

    def __init__(self, line: Line) -> None:
        super().__init__(force_close=True)
        self._line = line

    async def _create_connection(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: "ClientTimeout",  # noqa: ASYNC109  # of the class that asks
    ) -> ResponseHandler:
        del req, traces, timeout  # there is one way, and it takes no time
        connection = self._line.connect()
        _, protocol = await self._loop.create_connection(self._factory, sock=connection)
        return protocol
