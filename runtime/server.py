"""The composition root: the only file that sees everything, and puts it together.

data directory -> catalog, migrations -> user's program -> actors -> Worker -> HTTP front
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from ..actors.clock import Clock, SystemClock
from ..storage.alarm_distribution import distribute_alarms, in_first_slot
from ..storage.alarm_index import AlarmIndex
from ..storage.directory import DataDirectory
from ..storage.errors import StorageBroken, StorageError
from ..storage.health import StoreHealth
from ..storage.layout import FIRST_SLOT, Layout
from .actor_side import ActorSide
from .assets.in_front import Answers, in_front_of
from .compat.program import load_programs
from .config.model import WorkerConfig
from .control.changes import refuse_changes
from .control.desk import Desk
from .control.draining import DrainArguments, StopAsked, ask_to_stop, has_no_workers
from .control.observed import ObservedProcess
from .control.processes import ProcessesArguments, tell_of_one
from .control.server import ControlServer
from .control.upgrading import UpgradeArguments, has_no_routers
from .edge.firewall.firewall import Firewall
from .edge.request_record import RequestRecord
from .edge.statistics import EdgeStatistics
from .errors import MigrationDeclined
from .front_side import FrontSide, ignore, open_control_port
from .held_directory import purge_trash
from .host.alarms import AlarmCounts
from .host.bindings import Env
from .host.migration_plan import Confirm, MigrationPlan, agree
from .host.migrations import carry_out, plan_for
from .host.operations.errors import OperatorError
from .host.operations.house import Told, Values
from .host.statistics import HostStatistics
from .sandbox.launcher_watch import LauncherWatch
from .sandboxes import has_sandboxes
from .shards.placement import PARTITIONS
from .tracing import start_tracing

log = logging.getLogger("perdure.server")


async def _nobody_asks() -> None:
    """There is no control socket to be closed."""


async def plan_only(config: WorkerConfig, data_dir: Path) -> MigrationPlan:
    """What the migrations would do to ``data_dir``, which may not exist; nothing is touched.

    Raises:
        MigrationRefused: Configuration and data directory do not fit.
    """
    return await plan_for(config, Layout(data_dir))


class Server:
    """One running perdure: a data directory, a user's program, and the port that leads to them.

    Attributes:
        control_port: Where metrics and health are; None when that was not asked for.
        answerer: What answers requests, for who embeds this server; there once it has started.
        desk: What its operator can ask for.
        stop_asked: Done when the operator has asked for the end (control/draining.py).
        failed: Done when nothing can be made durable any more: its result says why. No event is
            served from then on; what was acknowledged is on the disk.
    """

    answerer: Answers
    desk: Desk
    _front_side: FrontSide  # made after the program was imported

    def __init__(self, config: WorkerConfig, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.control_port: int | None = None
        self.stop_asked: StopAsked = loop.create_future()
        self._is_embedded = False
        self._clock = clock
        self._loop = loop
        self._cleanup = AsyncExitStack()
        self._actor_side = ActorSide(config, clock, loop, self._cleanup)
        self.failed: asyncio.Future[StorageBroken] = self._actor_side.failed
        self._close_control: Callable[[], Awaitable[None]] = _nobody_asks

    @classmethod
    async def start(
        cls,
        config: WorkerConfig,
        *,
        data_dir: Path,
        host: str,
        port: int,
        port_is_fixed: bool = True,
        show_errors: bool = False,
        on_request: Callable[[RequestRecord], None] = ignore,
        confirm: Confirm = agree,
        clock: Clock | None = None,
        opened: Sequence[socket.socket] = (),
    ) -> "Server":
        """Open the data directory, apply migrations, import the program, and listen.

        Args:
            config: What to run.
            data_dir: Where its state is kept; made when it is not there.
            host: The address to listen on.
            port: 0 for any.
            port_is_fixed: Do not take another one when it is taken.
            show_errors: Clients see tracebacks.
            on_request: Told of every request.
            confirm: Asked before migrations delete data.
            clock: The machine's, unless a test has another.
            opened: Where ``host`` and ``port`` have led to already; copies of these are used.

        Raises:
            StorageError: The data directory cannot be used; the message says why.
            LoadError: The program cannot be used as the configuration describes it.
            TracingUnavailable: Traces are asked for, and OpenTelemetry is not installed.
            ConfigError: A secret that a rule of the firewall needs is not there.
            MigrationRefused: Configuration and data directory do not fit.
            MigrationDeclined: ``confirm`` said no.
            PortTaken: Somebody else listens there, or the address is none of this machine's.
        """

        async def listen(server: "Server") -> None:
            front = server._front_side  # noqa: SLF001  # of our own class
            if opened:
                await front.listen_on([one.dup() for one in opened], host)
            else:
                await front.listen(host, port, port_is_fixed=port_is_fixed)

        loop = asyncio.get_running_loop()
        server = cls(config, clock or SystemClock(loop), loop)
        return await server._begin(data_dir, show_errors, on_request, confirm, listen)

    @classmethod
    async def embedded(
        cls,
        config: WorkerConfig,
        *,
        data_dir: Path,
        confirm: Confirm = agree,
        clock: Clock | None = None,
    ) -> "Server":
        """As ``start``, but without a port: somebody else has the clients, and asks ``worker``.

        Raises:
            Exception: As ``start``.
        """

        async def have_no_port(server: "Server") -> None:
            """Whoever embeds it has one."""

        loop = asyncio.get_running_loop()
        server = cls(config, clock or SystemClock(loop), loop)
        server._is_embedded = True
        return await server._begin(data_dir, False, ignore, confirm, have_no_port)  # noqa: FBT003  # of _begin()

    async def _begin(
        self,
        data_dir: Path,
        show_errors: bool,  # noqa: FBT001  # of start(), handed on
        on_request: Callable[[RequestRecord], None],
        confirm: Confirm,
        listen: Callable[["Server"], Awaitable[None]],
    ) -> "Server":
        try:
            await self._start(data_dir, show_errors, on_request, confirm)
            if (wanted := self.config.perdure.control_port) is not None:
                await self._open_control_port(wanted)
            await listen(self)
            # Last: an alarm that is due runs user code at once.
            self._actor_side.alarms.start()
            self._actor_side.start_crons()
        except BaseException:
            await self._cleanup.aclose()
            raise
        return self

    async def _start(
        self,
        data_dir: Path,
        show_errors: bool,  # noqa: FBT001  # of start(), handed on
        on_request: Callable[[RequestRecord], None],
        confirm: Confirm,
    ) -> None:
        config, cleanup, actors = self.config, self._cleanup, self._actor_side
        # First the program: a mistake in it must leave the data directory as it was.
        apps = load_programs(config)
        self._front_side = FrontSide(config, self._loop, cleanup, os.environ)
        if (end_tracing := start_tracing(config, os.environ)) is not None:
            cleanup.push_async_callback(end_tracing)
        directory = cleanup.enter_context(DataDirectory.open(data_dir))
        distribute_alarms(directory.layout, (FIRST_SLOT,), in_first_slot)
        index = AlarmIndex(directory.layout.alarms_file)
        cleanup.callback(index.close)
        actors.open_store(directory.layout, index)
        now_ms = self._clock.time_ms()
        planned = await plan_for(config, directory.layout)
        if planned.is_destructive and not confirm(planned):
            raise MigrationDeclined(planned)
        await carry_out(planned, directory, index, actors.store.marks, now_ms)
        purge_trash(directory, config, now_ms)
        if has_sandboxes(apps):
            launcher = LauncherWatch(directory.layout.sandboxes_dir, self._loop)
            cleanup.push_async_callback(launcher.close)
            launcher.want(has_wall=config.perdure.sandbox.isolation != "none")
        actors.assemble(apps, planned.all_namespaces, assets_are_live=show_errors)
        await self._open_control(directory, planned)
        worker = actors.by_hand if show_errors else actors.worker
        self.answerer = in_front_of(worker, config.assets, is_live=show_errors)
        self._front_side.assemble(
            self.answerer,
            actors.keep_alive,
            show_errors=show_errors,
            on_request=on_request,
        )

    async def _open_control(self, directory: DataDirectory, planned: MigrationPlan) -> None:
        """Let the operator ask; a server that cannot be asked serves all the same."""
        actors = self._actor_side
        self.desk = Desk.of(actors.house(directory.layout, planned.all_namespaces))
        self.desk.add("processes", ProcessesArguments, self._tell_of_itself)
        self.desk.add("upgrade", UpgradeArguments, has_no_routers)
        refuse_changes(self.desk)
        self.desk.add("drain", DrainArguments, self._drain)
        try:
            control = await ControlServer.start(self.desk, directory.layout.root)
        except StorageError as error:
            log.warning("control.unavailable", extra={"cause": str(error)})
            return
        self._cleanup.push_async_callback(control.close)
        self._close_control = control.close

    async def _tell_of_itself(self, arguments: ProcessesArguments, told: Told) -> Values:
        del arguments
        return await tell_of_one(told, self.statistics(), self.edge_statistics(), PARTITIONS)

    async def _drain(self, arguments: DrainArguments, told: Told) -> Values:
        has_no_workers(arguments)
        if self._is_embedded:
            problem = "This program is mounted in another server, which is not perdure's to stop"
            raise OperatorError(problem, "Stop that server: the program drains with it")
        limit_s = self.config.perdure.edge_limits.shutdown_timeout_s
        return await ask_to_stop(self.stop_asked, arguments, told, limit_s)

    async def _open_control_port(self, wanted: int) -> None:
        self.control_port = await open_control_port(ObservedProcess(self), wanted, self._cleanup)

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._front_side.host

    @property
    def port(self) -> int:
        """The port it got."""
        return self._front_side.port

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        return self._front_side.url

    @property
    def env(self) -> Env:
        """The bindings and vars, as the program sees them."""
        return self._actor_side.env

    @property
    def firewall(self) -> Firewall:
        """What decides which requests the program sees; it counts."""
        return self._front_side.firewall

    @property
    def alarm_counts(self) -> AlarmCounts:
        """What has become of alarms."""
        return self._actor_side.alarms.counts

    @property
    def workers(self) -> int:
        """None: it has its actors itself."""
        return 0

    def hang_up(self) -> None:
        """Do what SIGHUP asks for: see ``FrontSide.reload_certificates``."""
        self._front_side.reload_certificates()

    def statistics(self) -> HostStatistics:
        """What it holds in memory."""
        return self._actor_side.host.statistics()

    def edge_statistics(self) -> EdgeStatistics:
        """Its connections, and what was refused to clients."""
        return self._front_side.statistics()

    def health(self) -> StoreHealth:
        """How its storage is, and why it is degraded if it is."""
        return self._actor_side.store.health()

    async def stop(self, *, drain_s: float) -> None:
        """Take no new connections, let what is under way finish, then let go of everything.

        Sockets are closed with 1001. Everything written is durable when this returns.

        Args:
            drain_s: How long requests under way, handlers of sockets and what was given to
                ``wait_until`` may take; what takes longer is cut off.
        """
        self._front_side.close_port()
        await self._close_control()
        self._actor_side.alarms.close()
        self._actor_side.close_crons()
        deadline = self._loop.time() + drain_s
        await self._front_side.drain(deadline)
        await self._actor_side.drain(deadline)
        self._actor_side.close("the server is going away")
        await self._front_side.close(deadline)
        await self._cleanup.aclose()
        await self._front_side.port_closed()
