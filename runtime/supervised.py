"""The composition root of a server of several processes: what the supervisor's own process has.

data directory -> all logs recovered -> catalog, migrations -> the port -> workers -> routers
"""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from ..actors.clock import SystemClock
from ..storage.alarm_index import AlarmIndex
from ..storage.catalog import Catalog
from ..storage.directory import DataDirectory
from ..storage.errors import StorageBroken
from ..storage.log_seal import seal_log
from ..storage.marks import Marks
from ..storage.opening import recover_all
from .config.model import WorkerConfig
from .edge.tls_listener import BACKLOG
from .errors import MigrationDeclined
from .front_side import on_free_port, url_of
from .host.migration_plan import MigrationPlan, Namespace, plan
from .host.migrations import apply, read_recorded
from .observe.logs import LogStyle
from .process_settings import RELOAD_CERTIFICATES, ProcessSettings
from .shards.placement import Placement
from .shards.supervisor.keeper import Settings
from .shards.supervisor.limits import SupervisionLimits
from .shards.supervisor.places import Identity, Place, Role
from .shards.supervisor.process import Program
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
        control_port: None; metrics and health are told by servers of one process only.
        supervisor: Keeps its processes.
        failed: Never done: a worker whose log is broken is replaced by itself.
    """

    supervisor: Supervisor

    def __init__(self, config: WorkerConfig, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.host = ""
        self.port = 0
        self.control_port: int | None = None
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
            confirm: Asked before migrations delete data.

        Raises:
            StorageError: The data directory cannot be used; the message says why.
            ChildFailed: A process cannot serve, for instance as the program cannot be imported.
            MigrationRefused: Configuration and data directory do not fit.
            MigrationDeclined: ``confirm`` said no.
            PortTaken: Somebody else listens there, or the address is none of this machine's.
        """
        server = cls(config, asyncio.get_running_loop())
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
        return planned.namespaces

    async def _open_port(self, host: str, port: int, *, port_is_fixed: bool) -> socket.socket:
        listening = await on_free_port(_listen, host, port, port_is_fixed=port_is_fixed)
        self._cleanup.callback(listening.close)
        self.host, self.port = listening.getsockname()[:2]
        return listening

    async def _start_processes(
        self,
        settings: ProcessSettings,
        listening: socket.socket,
        routers: int,
        limits: SupervisionLimits | None,
    ) -> None:
        data = settings.encode()

        def settings_of(identity: Identity) -> Settings:
            is_router = identity.place.role is Role.ROUTER
            return Settings(data, [listening] if is_router else [])

        self.supervisor = Supervisor(
            PROGRAMS, settings_of, before_takeover=self._seal, limits=limits
        )
        self._routers = [Place(Role.ROUTER, str(number)) for number in range(routers)]
        workers = [Place(Role.WORKER, slot) for slot in settings.slots]
        await self.supervisor.start([*workers, *self._routers])

    async def _seal(self, slot: str) -> None:
        """The process that wrote the log of ``slot`` is dead: nothing of it lands any more."""
        path = self._layout.log_dir(slot)
        await asyncio.to_thread(seal_log, path, self._clock.time_ms())

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        return url_of(self.host, self.port, self.config)

    def reload_certificates(self) -> None:
        """See ``FrontSide.reload_certificates``."""
        for place in self._routers:
            self.supervisor.tell(place, RELOAD_CERTIFICATES)

    async def stop(self, *, drain_s: float) -> None:
        """Take no new connections, let what is under way finish, then end all processes.

        Args:
            drain_s: How long that may take; what takes longer is cut off.
        """
        await self.supervisor.drain_and_stop(self._loop.time() + drain_s)
        await self._cleanup.aclose()


async def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
