"""The composition root of a server of several processes: what the supervisor's own process has.

certificate, data directory, ports: can they be had? -> processes import the program
-> all logs recovered, migrations -> workers serve -> routers serve
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

from ..actors.clock import SystemClock
from ..storage.errors import StorageBroken, StorageError
from .actor_side import keys_of_bindings
from .config.model import WorkerConfig
from .control.desk import Desk
from .control.draining import DrainArguments, StopAsked, ask_to_stop
from .control.processes import ProcessesArguments
from .control.server import ControlServer
from .control.upgrading import UpgradeArguments, with_newer_edge
from .edge.ports import named, open_ports
from .edge.request_record import RequestRecord
from .errors import MigrationDeclined
from .front_side import check_front_side, ignore, on_free_port, open_control_port, url_of
from .held_directory import HeldDirectory
from .host.migration_plan import Confirm, MigrationPlan, agree
from .host.operations.house import Told, Values
from .observe.logs import LogStyle
from .process_settings import RELOAD_CERTIFICATES, ProcessSettings, encode_problem
from .request_lines import read_requests
from .rolling import Reloaded, Resized, Rolling, to_its_end
from .rolling_desk import RollingDesk
from .sandbox.launcher_watch import LauncherWatch
from .sandboxes import SANDBOXES_WANTED
from .shards.operations import ways
from .shards.operations.draining import drain_worker
from .shards.operations.houses import Houses
from .shards.operations.lines import Lines
from .shards.operations.observing import ObservedProcesses
from .shards.operations.processes import tell_of_all
from .shards.placement import Placement, slot_names
from .shards.supervisor.keeper import Settings
from .shards.supervisor.limits import SupervisionLimits
from .shards.supervisor.places import Identity, Place, Role
from .shards.supervisor.process import Program
from .shards.supervisor.relays import Succession
from .shards.supervisor.supervisor import Supervisor

log = logging.getLogger("perdure.server")

PROGRAMS = {
    Role.ROUTER: Program([sys.executable, "-m", "perdure.runtime.router_process"]),
    Role.WORKER: Program([sys.executable, "-m", "perdure.runtime.worker_process"]),
}


class SupervisedServer:
    """A running perdure of several processes.

    Attributes:
        config: What its workers run.
        host: Where it listens.
        port: The port it got.
        control_port: Where metrics and health are; None when that was not asked for.
        supervisor: Keeps its processes.
        desk: What its operator can ask for; operations on the server itself are added to it.
        houses: All workers' data, as operations find it.
        stop_asked: Done when the operator has asked for the end (control/draining.py).
        failed: Never done: a worker whose log is broken is replaced by itself.
    """

    supervisor: Supervisor
    desk: Desk
    houses: Houses
    _rolling_desk: RollingDesk

    def __init__(
        self,
        config: WorkerConfig,
        loop: asyncio.AbstractEventLoop,
        on_request: Callable[[RequestRecord], None],
    ) -> None:
        self.config = config
        self._on_request = on_request
        self.host = ""
        self.port = 0
        self.control_port: int | None = None
        self.stop_asked: StopAsked = loop.create_future()
        self.failed: asyncio.Future[StorageBroken] = loop.create_future()
        self._loop = loop
        self._clock = SystemClock(loop)
        self._cleanup = AsyncExitStack()

    @classmethod
    async def start(
        cls,
        config: WorkerConfig,
        *,
        data_dir: Path,
        host: str,
        port: int,
        workers: int,
        routers: int = 1,
        port_is_fixed: bool = True,
        show_errors: bool = False,
        log_style: LogStyle | None = None,
        limits: SupervisionLimits | None = None,
        on_request: Callable[[RequestRecord], None] = ignore,
        confirm: Confirm = agree,
        reread: Callable[[], WorkerConfig] | None = None,
        opened: Sequence[socket.socket] = (),
    ) -> "SupervisedServer":
        """Start the processes that serve; apply migrations when all have imported the program.

        Args:
            config: What to run.
            data_dir: Where its state is kept; made when it is not there.
            host: The address to listen on.
            port: 0 for any.
            workers: How many processes have actors.
            routers: How many have clients; they share the port.
            port_is_fixed: Do not take another one when it is taken.
            show_errors: Clients see tracebacks.
            log_style: How what its processes log looks.
            limits: How long to wait for processes.
            on_request: Told of every request, some hundredths of a second later.
            confirm: Asked before migrations delete data.
            reread: Reads the configuration anew when a reload is asked for; None for what it was.
            opened: Where ``host`` and ``port`` have led to already; copies of these are used.

        Raises:
            ConfigError, CertificateRefused: As ``FrontSide`` does.
            StorageError: The data directory cannot be used; the message says why.
            ChildFailed: A process cannot serve, for instance as the program cannot be imported.
            MigrationRefused, MigrationDeclined, PortTaken: As ``Server.start``.
        """
        server = cls(config, asyncio.get_running_loop(), on_request)
        try:
            planned = await server._plan(data_dir, confirm)
            listening = await server._open_ports(host, port, port_is_fixed, opened)
            settings = ProcessSettings(
                *(config, data_dir, planned.all_namespaces, slot_names(workers), show_errors),
                *(log_style or LogStyle(), on_request is not ignore),
            )
            server._assemble(settings, listening, limits or SupervisionLimits())
            await server._start_processes(planned, routers)
            await server._open_control(reread or (lambda: config), confirm)
        except BaseException:
            await server._cleanup.aclose()
            raise
        return server

    async def _plan(self, data_dir: Path, confirm: Confirm) -> MigrationPlan:
        """Find what is wrong before a process is started; nothing is changed yet."""
        check_front_side(self.config, os.environ)
        directory = self._directory = HeldDirectory(data_dir, self._clock)
        self._cleanup.callback(directory.close)
        directory.open_if_used()
        planned = await directory.plan(self.config)
        if planned.is_destructive and not confirm(planned):
            raise MigrationDeclined(planned)
        return planned

    async def _open_ports(
        self,
        host: str,
        port: int,
        port_is_fixed: bool,  # noqa: FBT001  # of start(), handed on
        opened: Sequence[socket.socket],
    ) -> Sequence[socket.socket]:
        """Have what all routers listen at; those of an upgrade, too."""
        listening: Sequence[socket.socket] = [one.dup() for one in opened]
        if not listening:
            listening = await on_free_port(open_ports, host, port, port_is_fixed=port_is_fixed)
        for one in listening:
            self._cleanup.callback(one.close)
        self.host, self.port = named(host, listening)
        return listening

    def _assemble(
        self,
        settings: ProcessSettings,
        listening: Sequence[socket.socket],
        limits: SupervisionLimits,
    ) -> None:
        """Have what keeps the processes, none of which is started, and what the operator asks."""
        self._launcher = LauncherWatch(self._directory.layout.sandboxes_dir, self._loop)
        self._cleanup.push_async_callback(self._launcher.close)
        self._lines = Lines()
        self._cleanup.callback(self._lines.close)
        self._supervise(settings, listening, limits)
        bindings = keys_of_bindings(self.config, settings.namespaces)
        placement = Placement(settings.slots)
        self.houses = Houses(self._directory.layout, bindings, placement, self._lines)
        self.desk = Desk(partial(ways.run, self.houses))
        self.desk.add("processes", ProcessesArguments, self._tell_of_processes)
        self.desk.add("upgrade", UpgradeArguments, self._upgrade)
        self.desk.add("drain", DrainArguments, self._drain)

    async def _open_control(self, reread: Callable[[], WorkerConfig], confirm: Confirm) -> None:
        """Let the operator ask; a server that cannot be asked serves all the same."""
        self._rolling_desk = RollingDesk(self._rolling, reread, confirm)
        self._rolling_desk.open(self.desk)
        try:
            control = await ControlServer.start(self.desk, self._directory.layout.root)
        except StorageError as error:
            log.warning("control.unavailable", extra={"cause": str(error)})
            return
        self._cleanup.push_async_callback(control.close)

    async def _open_control_port(self) -> None:
        wanted = self.config.perdure.control_port
        if wanted is None:
            return
        observed = ObservedProcesses(self.supervisor)
        self._cleanup.push_async_callback(observed.close)
        self.control_port = await open_control_port(observed, wanted, self._cleanup)

    async def _drain(self, arguments: DrainArguments, told: Told) -> Values:
        limit_s = self.config.perdure.edge_limits.shutdown_timeout_s
        if arguments.worker is None:
            return await ask_to_stop(self.stop_asked, arguments, told, limit_s)
        return await drain_worker(self.supervisor, arguments, limit_s)

    async def _tell_of_processes(self, arguments: ProcessesArguments, told: Told) -> Values:
        del arguments
        return await tell_of_all(self._lines, self.supervisor.statistics(), told)

    def _supervise(
        self,
        settings: ProcessSettings,
        listening: Sequence[socket.socket],
        limits: SupervisionLimits,
    ) -> None:
        def given(settings: ProcessSettings, identity: Identity) -> Settings:
            is_router = identity.place.role is Role.ROUTER
            line = self._lines.open(identity)
            return Settings(settings.encode(), [*listening, line] if is_router else [line])

        def settings_of(identity: Identity) -> Settings:
            is_router = identity.place.role is Role.ROUTER
            rolling = self._rolling
            return given(rolling.router_settings if is_router else rolling.settings, identity)

        self.supervisor = Supervisor(
            PROGRAMS,
            settings_of,
            before_takeover=self._directory.seal,
            on_tell=self._told,
            limits=limits,
        )
        self._rolling = Rolling(
            self._directory, self.supervisor, settings, given, self._workers_change
        )
        self.supervisor.on_change(self._lines.changed)
        self._lines.on_lie = self._cut_off

    async def _start_processes(self, planned: MigrationPlan, routers: int) -> None:
        await self._open_control_port()
        slots = self._rolling.settings.slots
        directory, config = self._directory, self.config

        async def recover_and_migrate() -> None:
            await directory.open(planned, config)
            await asyncio.to_thread(directory.recover, Placement(slots))
            await directory.apply(planned, slots)
            directory.purge_trash(config)

        places = [Place(Role.WORKER, slot) for slot in slots]
        places += [Place(Role.ROUTER, str(number)) for number in range(routers)]
        await self.supervisor.start(places, once_ready=lambda: to_its_end(recover_and_migrate()))

    def _cut_off(self, identity: Identity, problem: str) -> None:
        self.supervisor.cut_off(identity, f"it answered the operator what is no answer: {problem}")

    def _told(self, identity: Identity, data: bytes) -> None:
        """Routers tell of requests; workers that their program has sandboxes."""
        if identity.place.role is Role.ROUTER:
            for record in read_requests(data):
                self._on_request(record)
        elif data == SANDBOXES_WANTED:
            config = self._rolling.settings.config
            self._launcher.want(has_wall=config.perdure.sandbox.isolation != "none")

    def _workers_change(self, settings: ProcessSettings) -> None:
        """Workers have other settings from now on, or there are others."""
        self.config = settings.config
        self.houses.placement = Placement(settings.slots)
        self.houses.bindings = keys_of_bindings(settings.config, settings.namespaces)

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        return url_of(self.host, self.port, self._rolling.router_settings.config)

    async def upgrade(self, config: WorkerConfig | None = None) -> Succession:
        """Replace the routers, one after another; clients notice nothing.

        Connections that are made from now on come to the new ones. The old ones serve those
        that they cannot hand over, for ``relay_max_s`` at most.

        Args:
            config: What new routers go by: their firewall, limits and certificate; that of
                now if None. What workers run stays as it is.

        Raises:
            ChildFailed: A new router cannot serve; that one's predecessor goes on.
            SupervisorStopping: The server is being stopped.
        """
        return await self._rolling.upgrade(config)

    async def _upgrade(self, arguments: UpgradeArguments, told: Told) -> Values:
        """Replace the routers, by what the configuration's file says now."""
        del arguments
        await told.progress("Replacing routers", 0, None)
        config = with_newer_edge(self._rolling.router_settings.config)
        succession = await self.upgrade(config)
        return asdict(succession) | {"relay_max_s": config.perdure.edge_limits.relay_max_s}

    def hang_up(self) -> None:
        """Do what SIGHUP asks for: certificates are read again, and workers get new code."""
        self.supervisor.tell_all(Role.ROUTER, RELOAD_CERTIFICATES)
        self._rolling_desk.hang_up()

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return len(self._rolling.settings.slots)

    async def reload(
        self,
        config: WorkerConfig,
        *,
        confirm: Confirm = agree,
        drain_s: float | None = None,
    ) -> Reloaded:
        """Put new code into all workers; see ``Rolling.reload``."""
        return await self._rolling.reload(config, confirm, drain_s)

    async def resize(self, workers: int, *, drain_s: float | None = None) -> Resized:
        """Have another number of workers; see ``Rolling.resize``."""
        return await self._rolling.resize(workers, drain_s)

    def show_problem(self, problem: str | None) -> None:
        """Say below pages that the newest code cannot be used, if errors are shown to clients.

        Args:
            problem: Why; None when it can be.
        """
        self.supervisor.tell_all(Role.ROUTER, encode_problem(problem))

    def worker_pids(self) -> list[int]:
        """The numbers of the processes that have actors now."""
        all_of_them = self.supervisor.statistics().processes
        return [process.pid for process in all_of_them if process.role is Role.WORKER]

    async def stop(self, *, drain_s: float) -> None:
        """Take no new connections, let what is under way finish, then end all processes.

        Args:
            drain_s: How long that may take; what takes longer is cut off.
        """
        self._lines.stop_waiting()
        await self.supervisor.drain_and_stop(self._loop.time() + drain_s)
        await self._rolling.close()
        await self._rolling_desk.close()
        await self._cleanup.aclose()
