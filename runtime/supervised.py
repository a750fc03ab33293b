"""The composition root of a server of several processes: what the supervisor's own process has.

data directory -> all logs recovered -> catalog, migrations -> the port -> workers -> routers
"""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from ..actors.clock import SystemClock
from ..storage.alarm_index import AlarmIndex
from ..storage.catalog import Catalog
from ..storage.directory import DataDirectory
from ..storage.errors import StorageBroken, StorageError
from ..storage.log_seal import seal_log
from ..storage.marks import Marks
from ..storage.opening import recover_all
from .actor_side import keys_of_bindings
from .config.model import WorkerConfig
from .control.desk import Desk
from .control.draining import DrainArguments, StopAsked, ask_to_stop
from .control.processes import ProcessesArguments
from .control.server import ControlServer
from .control.upgrading import UpgradeArguments, with_newer_edge
from .edge.request_record import RequestRecord
from .edge.tls_listener import BACKLOG
from .errors import MigrationDeclined
from .front_side import ignore, on_free_port, open_control_port, url_of
from .host.migration_plan import MigrationPlan, Namespace, plan
from .host.migrations import apply, read_recorded
from .host.operations.house import Told, Values
from .observe.logs import LogStyle
from .process_settings import RELOAD_CERTIFICATES, ProcessSettings
from .request_lines import read_requests
from .shards.operations import ways
from .shards.operations.draining import drain_worker
from .shards.operations.houses import Houses
from .shards.operations.lines import Lines
from .shards.operations.observing import ObservedProcesses
from .shards.operations.processes import tell_of_all
from .shards.placement import Placement
from .shards.supervisor.errors import ChildFailed
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


def _always(_: MigrationPlan) -> bool:
    return True


class _EveryAlarmFile:
    """The alarms of all slots, for who deletes those of a namespace."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def remove_namespace(self, unique_key: str) -> None:
        """Forget the alarms of its actors."""
        for path in self._files:
            index = AlarmIndex(path)
            try:
                index.remove_namespace(unique_key)
            finally:
                index.close()


class SupervisedServer:
    """A running perdure of several processes.

    Attributes:
        config: What it runs.
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
    _on_request: Callable[[RequestRecord], None]

    def __init__(self, config: WorkerConfig, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
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
        confirm: Callable[[MigrationPlan], bool] = _always,
    ) -> "SupervisedServer":
        """Open the data directory, apply migrations, and start the processes that serve.

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

        Raises:
            StorageError: The data directory cannot be used; the message says why.
            ChildFailed: A process cannot serve, for instance as the program cannot be imported.
            MigrationRefused: Configuration and data directory do not fit.
            MigrationDeclined: ``confirm`` said no.
            PortTaken: Somebody else listens there, or the address is none of this machine's.
        """
        server = cls(config, asyncio.get_running_loop())
        server._on_request = on_request
        try:
            placement = Placement.of_count(workers)
            namespaces = await server._prepare(data_dir, placement, confirm)
            listening = await server._open_port(host, port, port_is_fixed=port_is_fixed)
            settings = ProcessSettings(
                config,
                data_dir,
                namespaces,
                placement.slots,
                show_errors,
                log_style or LogStyle(),
                tells_requests=on_request is not ignore,
            )
            await server._start_processes(settings, listening, routers, limits)
        except BaseException:
            await server._cleanup.aclose()
            raise
        return server

    async def _prepare(
        self, data_dir: Path, placement: Placement, confirm: Callable[[MigrationPlan], bool]
    ) -> Mapping[str, Namespace]:
        directory = self._cleanup.enter_context(DataDirectory.open(data_dir))
        layout = directory.layout
        recover_all(layout, placement.slots, placement.slot_of, self._clock.time_ms)
        now_ms = self._clock.time_ms()
        async with await Catalog.open(layout.catalog_file) as catalog:
            planned = plan(self.config, await read_recorded(catalog, self.config.name))
            if planned.is_destructive and not confirm(planned):
                raise MigrationDeclined(planned)
            alarms = _EveryAlarmFile([layout.alarms_file_of(slot) for slot in placement.slots])
            await apply(planned, catalog, directory, alarms, Marks(layout), now_ms)
        retention_ms = int(self.config.perdure.trash_retention_days * 86_400_000)
        directory.purge_trash(now_ms, retention_ms)
        self._layout = layout
        self._assemble(placement, planned.namespaces)
        return planned.namespaces

    async def _open_port(self, host: str, port: int, *, port_is_fixed: bool) -> socket.socket:
        listening = await on_free_port(_listen, host, port, port_is_fixed=port_is_fixed)
        self._cleanup.callback(listening.close)
        self.host, self.port = listening.getsockname()[:2]
        return listening

    def _assemble(self, placement: Placement, namespaces: Mapping[str, Namespace]) -> None:
        """Have what the operator asks."""
        bindings = keys_of_bindings(self.config, namespaces)
        self._lines = Lines()
        self._cleanup.callback(self._lines.close)
        self.houses = Houses(self._layout, bindings, placement, self._lines)
        self.desk = Desk(partial(ways.run, self.houses))
        self.desk.add("processes", ProcessesArguments, self._tell_of_processes)
        self.desk.add("upgrade", UpgradeArguments, self._upgrade)
        self.desk.add("drain", DrainArguments, self._drain)

    async def _open_control(self) -> None:
        """Let the operator ask; a server that cannot be asked serves all the same."""
        try:
            control = await ControlServer.start(self.desk, self._layout.root)
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

    async def _start_processes(
        self,
        settings: ProcessSettings,
        listening: socket.socket,
        routers: int,
        limits: SupervisionLimits | None,
    ) -> None:
        self._router_settings = settings

        def settings_of(identity: Identity) -> Settings:
            line = self._lines.open(identity)
            if identity.place.role is Role.ROUTER:
                return Settings(self._router_settings.encode(), [listening, line])
            return Settings(settings.encode(), [line])

        self.supervisor = Supervisor(
            PROGRAMS,
            settings_of,
            before_takeover=self._seal,
            on_tell=self._told,
            limits=limits,
        )
        self._routers = [Place(Role.ROUTER, str(number)) for number in range(routers)]
        self.supervisor.on_change(self._lines.changed)
        workers = [Place(Role.WORKER, slot) for slot in settings.slots]
        await self.supervisor.start([*workers, *self._routers])
        await self._open_control()
        await self._open_control_port()

    def _told(self, identity: Identity, data: bytes) -> None:
        """Routers tell of requests; workers have nothing to say."""
        if identity.place.role is Role.ROUTER:
            for record in read_requests(data):
                self._on_request(record)

    async def _seal(self, slot: str) -> None:
        """The process that wrote the log of ``slot`` is dead: nothing of it lands any more."""
        path = self._layout.log_dir(slot)
        await asyncio.to_thread(seal_log, path, self._clock.time_ms())

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        return url_of(self.host, self.port, self._router_settings.config)

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
        before = self._router_settings
        if config is not None:
            self._router_settings = replace(before, config=config)
        try:
            relay_s = self._router_settings.config.perdure.edge_limits.relay_max_s
            return await self.supervisor.succeed_all(relay_s=relay_s)
        except ChildFailed:
            self._router_settings = before
            raise

    async def _upgrade(self, arguments: UpgradeArguments, told: Told) -> Values:
        """Replace the routers, by what the configuration's file says now."""
        del arguments
        await told.progress("Replacing routers", 0, None)
        config = with_newer_edge(self._router_settings.config)
        # Who asked may go away; a router that was replaced has to hear of it.
        self._upgrading = self._loop.create_task(self.upgrade(config))
        succession = await asyncio.shield(self._upgrading)
        return asdict(succession) | {"relay_max_s": config.perdure.edge_limits.relay_max_s}

    def reload_certificates(self) -> None:
        """See ``FrontSide.reload_certificates``."""
        for place in self._routers:
            self.supervisor.tell(place, RELOAD_CERTIFICATES)

    async def stop(self, *, drain_s: float) -> None:
        """Take no new connections, let what is under way finish, then end all processes.

        Args:
            drain_s: How long that may take; what takes longer is cut off.
        """
        self._lines.stop_waiting()
        await self.supervisor.drain_and_stop(self._loop.time() + drain_s)
        await self._cleanup.aclose()


async def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
