"""The first start of ``perdure dev``: a program that is broken is waited for."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from socket import socket

from rich.text import Text

from ..runtime.config.model import WorkerConfig
from ..runtime.edge.request_record import RequestRecord
from ..runtime.host.loader import LoadError
from ..runtime.shards.supervisor.errors import ChildFailed
from ..runtime.sources import Sources
from ..runtime.stand_in import StandIn
from ..runtime.starting import Launch, RunningServer
from ..storage.errors import PerdureError
from .failures import CONFIGURATION, exit_code_of, show_failure, text_of
from .output import Output
from .serving import unless_stopped

Starting = Callable[[WorkerConfig, Sequence[socket]], Awaitable[RunningServer]]


class FirstStart:
    """Starts a server whose program somebody is writing.

    Args:
        launch: How it is started; ``reread`` is there.
        start: Starts it, at ports that are open if there are any.
        files: Those of the program, as they were when its configuration was read.
        output: Where it is told what is wrong.
        on_request: Told of requests that come before the program can be started.
    """

    def __init__(
        self,
        launch: Launch,
        start: Starting,
        files: Sources,
        output: Output,
        on_request: Callable[[RequestRecord], None],
    ) -> None:
        self._launch = launch
        self._start = start
        self._files = files
        self._output = output
        self._on_request = on_request

    async def server(self, config: WorkerConfig) -> RunningServer | None:
        """Return it, started with ``config`` or with what the files say later.

        Returns:
            None if a signal says stop before it can be started.

        Raises:
            PerdureError: It cannot be, for a reason that is not in the program.
        """
        try:
            return await self._start(config, ())
        except (LoadError, ChildFailed) as error:
            if exit_code_of(error) != CONFIGURATION:
                raise
            show_failure(self._output, error)
            problem = text_of(error)
        stand_in = await StandIn.start(config, self._launch, problem, self._on_request)
        try:
            async with aclosing(self._files.changes()) as changes:
                return await self._when_mended(stand_in, changes)
        finally:
            await stand_in.close()

    async def _when_mended(
        self, stand_in: StandIn, changes: AsyncIterator[frozenset[object]]
    ) -> RunningServer | None:
        reread = self._launch.reread
        assert reread is not None, "see above"

        async def changed() -> bool:
            # Told when signals are heard: who reads it may send one.
            what = "Not started. It is as soon as that is mended and saved. Until then "
            shown = Text.assemble((what, "warning"), (stand_in.url, "url"), " shows it, too.")
            self._output.message(shown)
            return bool(await anext(changes))

        # Signals are as at any start while it is tried again: a program may hang as it is imported.
        while await unless_stopped(changed()):
            try:
                return await self._start(reread(), stand_in.sockets)
            except PerdureError as error:
                if exit_code_of(error) != CONFIGURATION:
                    raise
                show_failure(self._output, error)
                stand_in.problem = text_of(error)
        return None
