"""The composition root: the only file that sees everything, and puts it together.

data directory -> catalog, migrations -> user's program -> actors -> Worker -> HTTP front
"""

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..actors.clock import Clock, SystemClock
from ..actors.errors import ActorReset
from ..actors.execution import install_task_factory
from ..actors.handlers import construct_native
from ..actors.ids import DurableObjectId, IdFactory
from ..actors.namespace import DurableObjectNamespace
from ..actors.session import GOING_AWAY
from ..storage.alarm_distribution import distribute_alarms, in_first_slot
from ..storage.alarm_index import AlarmIndex
from ..storage.archive.archive import Retention
from ..storage.catalog import Catalog
from ..storage.directory import DataDirectory
from ..storage.errors import StorageBroken, StorageError
from ..storage.health import StoreHealth
from ..storage.layout import FIRST_SLOT, Layout
from ..storage.store import Store, StoreOptions
from .config.model import WorkerConfig
from .control.port import LOOPBACK, ControlPort
from .control.server import ControlServer
from .edge.firewall.firewall import Firewall
from .edge.front import Front
from .edge.outbound import HttpOutbound
from .edge.outside import Outside
from .edge.request_record import RequestRecord
from .edge.statistics import EdgeStatistics
from .edge.tls_listener import BACKLOG, TlsListener
from .errors import MigrationDeclined, PortTaken
from .host.actor_host import ActorHost
from .host.alarms import AlarmScheduler, AlarmTarget
from .host.bindings import Env
from .host.loader import App, load_app
from .host.migration_plan import MigrationPlan, plan
from .host.migrations import apply, peek, read_recorded
from .host.operations.house import House
from .host.past import HostPast
from .host.statistics import HostStatistics
from .host.worker import Worker
from .sockets.keepalive import KeepAlive
from .tracing import start_tracing

if TYPE_CHECKING:
    from .edge.certificates import Certificates

log = logging.getLogger("perdure.server")

PORTS_TRIED = 20
PORT_MAX = 65_535
# So long may clients take at least to read their answer, and to answer the close frame of their
# WebSocket; after the drain, too.
CLIENTS_LEAVE_S = 1.0
# How often a stopping server looks whether actors are still at work; nobody tells it.
LOOKS_INTERVAL_S = 0.02


def _ignore(record: RequestRecord) -> None:
    """What happens to request records when nobody wants them."""


def _always(_: MigrationPlan) -> bool:
    return True


async def _nobody_asks() -> None:
    """There is no control socket to be closed."""


def _reason(error: OSError) -> str:
    """The system's words; what asyncio puts around them only repeats the address."""
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else error.strerror or str(error)


async def plan_only(config: WorkerConfig, data_dir: Path) -> MigrationPlan:
    """What the migrations would do to ``data_dir``, which may not exist; nothing is touched.

    Raises:
        MigrationRefused: Configuration and data directory do not fit.
    """
    return plan(config, await peek(Layout(data_dir), config.name))


class Server:
    """One running perdure: a data directory, a user's program, and the port that leads to them.

    Attributes:
        host: Where it listens.
        port: The port it got.
        control_port: Where metrics and health are; None when that was not asked for.
        env: The bindings and vars, as the program sees them.
        firewall: What decides which requests the program sees; it counts.
        failed: Done when nothing can be made durable any more: its result says why. No event is
            served from then on; what was acknowledged is on the disk.
    """

    def __init__(self, config: WorkerConfig, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.host = ""
        self.port = 0
        self.control_port: int | None = None
        self.env = Env({})
        self.firewall = Firewall(())
        self._clock = clock
        self._loop = loop
        self.failed: asyncio.Future[StorageBroken] = loop.create_future()
        self._cleanup = AsyncExitStack()
        self._listener: asyncio.Server | TlsListener | None = None
        self._certificates: Certificates | None = None
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
        on_request: Callable[[RequestRecord], None] = _ignore,
        confirm: Callable[[MigrationPlan], bool] = _always,
        clock: Clock | None = None,
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

        Raises:
            StorageError: The data directory cannot be used; the message says why.
            LoadError: The program cannot be used as the configuration describes it.
            TracingUnavailable: Traces are asked for, and OpenTelemetry is not installed.
            ConfigError: A secret that a rule of the firewall needs is not there.
            MigrationRefused: Configuration and data directory do not fit.
            MigrationDeclined: ``confirm`` said no.
            PortTaken: Somebody else listens there, or the address is none of this machine's.
        """
        loop = asyncio.get_running_loop()
        server = cls(config, clock or SystemClock(loop), loop)
        try:
            await server._start(data_dir, show_errors, on_request, confirm)
            if (wanted := config.perdure.control_port) is not None:
                await server._open_control_port(wanted)
            await server._listen(host, port, port_is_fixed=port_is_fixed)
            # Last: an alarm that is due runs user code at once.
            server._alarms.start()
        except BaseException:
            await server._cleanup.aclose()
            raise
        return server

    async def _start(
        self,
        data_dir: Path,
        show_errors: bool,  # noqa: FBT001  # of start(), handed on
        on_request: Callable[[RequestRecord], None],
        confirm: Callable[[MigrationPlan], bool],
    ) -> None:
        config, cleanup = self.config, self._cleanup
        # First the program: a mistake in it must leave the data directory as it was.
        app = load_app(config)
        self.firewall = Firewall.of(config, os.environ)
        if config.perdure.tls is not None:
            from .edge.certificates import Certificates  # noqa: PLC0415  # it takes 0.1 s

            self._certificates = Certificates(config.perdure.tls)
        if (end_tracing := start_tracing(config, os.environ)) is not None:
            cleanup.push_async_callback(end_tracing)
        directory = cleanup.enter_context(DataDirectory.open(data_dir))
        distribute_alarms(directory.layout, (FIRST_SLOT,), in_first_slot)
        index = AlarmIndex(directory.layout.alarms_file)
        cleanup.callback(index.close)
        self._open_store(directory, index)
        now_ms = self._clock.time_ms()
        async with await Catalog.open(directory.layout.catalog_file) as catalog:
            planned = plan(config, await read_recorded(catalog, config.name))
            if planned.is_destructive and not confirm(planned):
                raise MigrationDeclined(planned)
            await apply(planned, catalog, directory, index, self._store.marks, now_ms)
        directory.purge_trash(now_ms, int(config.perdure.trash_retention_days * 86_400_000))
        self._assemble(app, planned, index)
        await self._open_control(directory, index, planned)
        front = Front(
            self._worker,
            self._loop,
            config.perdure.edge_limits,
            config.perdure.socket_limits,
            firewall=self.firewall,
            outside=Outside(config.perdure.trusted_proxies, config.perdure.proxy_headers),
            show_errors=show_errors,
            on_request=on_request,
            keep_alive=self._keep_alive,
            compression=config.perdure.websocket_compression,
        )
        self._front = front

    def _open_store(self, directory: DataDirectory, index: AlarmIndex) -> None:
        """Recover what the directory holds; alarms that only the log knows go to the index."""
        self._store = Store.open(
            directory.layout,
            notify=self._loop.call_soon_threadsafe,
            time_ms=self._clock.time_ms,
            on_failure=self._storage_broke,
            apply_alarms=index.apply,
            save_alarms=index.saving,
            alarm_changed=self._alarm_changed,
            options=StoreOptions(
                free_space_size_bytes_min=self.config.perdure.free_space_size_bytes_min,
                retention=Retention(
                    self.config.perdure.point_in_time_days,
                    self.config.perdure.point_in_time_size_bytes_max,
                ),
            ),
        )
        self._cleanup.callback(self._store.close)
        for reason in self._store.health().reasons:
            log.warning("storage.degraded", extra={"reason": reason})

    def _storage_broke(self, failure: StorageBroken) -> None:
        self._host.storage_broke(failure)
        if not self.failed.done():
            self.failed.set_result(failure)

    def _assemble(self, app: App, planned: MigrationPlan, index: AlarmIndex) -> None:
        """Actors, their bindings, and the Worker in front of them."""
        perdure, loop = self.config.perdure, self._loop
        install_task_factory(loop)
        self._keep_alive = KeepAlive.of(perdure.socket_limits, self._clock)
        if self._keep_alive is not None:
            self._cleanup.callback(self._keep_alive.close)
        outbound = HttpOutbound(
            loop,
            perdure.socket_limits,
            self._keep_alive,
            compression=perdure.websocket_compression,
        )
        self._cleanup.push_async_callback(outbound.close)
        self._alarms = AlarmScheduler(index, self._clock, self._find_alarm_target)
        self.alarm_counts = self._alarms.counts
        self._host = ActorHost(
            loop,
            outbound,
            self._clock,
            self._alarms,
            self._store,
            self._store.marks,
            HostPast(self._store.history, self._store.marks),
            limits=perdure.actor_limits,
            storage_limits=perdure.storage_limits,
            idle_timeout_s=perdure.idle_timeout_s,
        )
        values: dict[str, Any] = dict(self.config.vars)
        self.env = Env(values)
        for class_name, cls in app.classes.items():
            record = planned.namespaces[class_name]
            construct = construct_native(cls, self.env, has_sql=record.storage == "sqlite")
            self._host.add_namespace(record.unique_key, construct)
        for binding in self.config.bindings:
            unique_key = planned.namespaces[binding.class_name].unique_key
            values[binding.name] = DurableObjectNamespace(
                binding.name,
                IdFactory(unique_key),
                self._host.namespaces[unique_key],
                perdure.actor_limits,
            )
        self.env.fill(values)
        self._worker = Worker(loop, outbound, app.entrypoint, self.env, perdure.actor_limits)

    async def _open_control(
        self, directory: DataDirectory, index: AlarmIndex, planned: MigrationPlan
    ) -> None:
        """Let the operator ask; a server that cannot be asked serves all the same."""
        bindings = {
            binding.name: planned.namespaces[binding.class_name].unique_key
            for binding in self.config.bindings
        }
        house = House(
            directory=directory,
            store=self._store,
            host=self._host,
            times=index,
            clock=self._clock,
            is_serving=True,
            bindings=bindings,
            failed=self.failed,
        )
        try:
            control = await ControlServer.start(house)
        except StorageError as error:
            log.warning("control.unavailable", extra={"cause": str(error)})
            return
        self._cleanup.push_async_callback(control.close)
        self._close_control = control.close

    def _alarm_changed(self, unique_key: str, raw_id: bytes, time_ms: int | None, lsn: int) -> None:
        """An actor has another file now, with an alarm of its own."""
        self._alarms.committed(DurableObjectId(unique_key, raw_id, None), time_ms, lsn)

    def _find_alarm_target(
        self, unique_key: str, raw_id: bytes, name: str | None
    ) -> "tuple[AlarmTarget, DurableObjectId] | None":
        registry = self._host.namespaces.get(unique_key)
        if registry is None:
            return None
        return registry, DurableObjectId(unique_key, raw_id, name)

    async def _listen(self, host: str, port: int, *, port_is_fixed: bool) -> None:
        tries = 1 if port_is_fixed or port == 0 else PORTS_TRIED
        last = min(port + tries, PORT_MAX + 1) - 1
        for candidate in range(port, last + 1):
            try:
                listener = await self._open_port(host, candidate)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or candidate == last:
                    raise PortTaken(host, candidate, _reason(error)) from error
            else:
                self._listener = listener
                self.host, self.port = listener.sockets[0].getsockname()[:2]
                return

    async def _open_control_port(self, wanted: int) -> None:
        control = ControlPort(self)
        self._cleanup.push_async_callback(control.close)
        try:
            self.control_port = await control.listen(wanted)
        except OSError as error:
            raise PortTaken(LOOPBACK, wanted, _reason(error), "--control-port") from error

    async def _open_port(self, host: str, port: int) -> "asyncio.Server | TlsListener":
        if self._certificates is None:
            return await self._loop.create_server(self._front.server, host, port, backlog=BACKLOG)
        certificates = self._certificates
        listener = TlsListener(
            self._loop,
            lambda: certificates.context,
            self._front.admission,
            self._front.server,
            self.config.perdure.edge_limits.tls_handshake_timeout_s,
        )
        await listener.listen(host, port)
        certificates.watch(self._loop)
        self._cleanup.callback(certificates.close)
        return listener

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self._certificates is None else 'https'}://{host}:{self.port}"

    def reload_certificates(self) -> None:
        """Read the certificate and its key again, for connections that come from now on.

        What cannot be used is logged, and what was in use stays. Does nothing without TLS.
        """
        if self._certificates is not None:
            self._certificates.reload()

    def statistics(self) -> HostStatistics:
        """What it holds in memory."""
        return self._host.statistics()

    def edge_statistics(self) -> EdgeStatistics:
        """Its connections, and what was refused to clients."""
        listener = self._listener
        tls = listener.statistics() if isinstance(listener, TlsListener) else None
        return self._front.statistics(tls)

    def health(self) -> StoreHealth:
        """How its storage is, and why it is degraded if it is."""
        return self._store.health()

    @property
    def _is_at_work(self) -> bool:
        return self._host.is_busy or self._worker.is_at_work

    async def stop(self, *, drain_s: float) -> None:
        """Take no new connections, let what is under way finish, then let go of everything.

        Sockets are closed with 1001. Everything written is durable when this returns.

        Args:
            drain_s: How long requests under way, handlers of sockets and what was given to
                ``wait_until`` may take; what takes longer is cut off.
        """
        if self._listener is not None:
            self._listener.close()
        await self._close_control()
        self._alarms.close()
        self._front.wind_down()
        deadline = self._loop.time() + drain_s
        while self._front.is_busy and self._loop.time() < deadline:
            await asyncio.wait({self._front.next_answer()}, timeout=deadline - self._loop.time())
        while self._is_at_work and self._loop.time() < deadline:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(min(LOOKS_INTERVAL_S, deadline - self._loop.time()))
        self._host.settle()  # what was sent before the close frames leaves before them
        self._host.sever_sessions(GOING_AWAY, "the server is going away")
        self._worker.close()
        self._host.close(ActorReset("the server is going away"))
        left_s = max(deadline - self._loop.time(), CLIENTS_LEAVE_S)
        await self._front.close(answers_leave_s=left_s, sockets_close_s=CLIENTS_LEAVE_S)
        await self._cleanup.aclose()
        if self._listener is not None:
            await self._listener.wait_closed()
