"""Starting a server in the shape that its configuration asks for."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .config.model import WorkerConfig
from .control.draining import StopAsked
from .edge.request_record import RequestRecord
from .host.migration_plan import Confirm
from .observe.logs import LogStyle
from .server import Server
from .shards.supervisor.limits import SupervisionLimits
from .supervised import SupervisedServer

if TYPE_CHECKING:
    import asyncio

    from ..storage.errors import StorageBroken


class RunningServer(Protocol):
    """A server in either shape; see ``Server`` for what its members are."""

    failed: "asyncio.Future[StorageBroken]"
    stop_asked: StopAsked

    @property
    def port(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def control_port(self) -> int | None: ...

    @property
    def workers(self) -> int: ...

    def hang_up(self) -> None: ...

    async def stop(self, *, drain_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Launch:
    """How a command wants its server, in either shape.

    Attributes:
        data_dir: Where its state is kept; made when it is not there.
        host: The address to listen on.
        port: 0 for any.
        port_is_fixed: Do not take another one when it is taken.
        show_errors: Clients see tracebacks.
        log: How what is logged looks.
        is_debugged: Nobody is replaced because it is silent: its program may be in a debugger.
        reread: Reads the configuration anew, for a reload; None for none but the one there is.
    """

    data_dir: Path
    host: str
    port: int
    port_is_fixed: bool = True
    show_errors: bool = False
    log: LogStyle = field(default_factory=LogStyle)
    is_debugged: bool = False
    reread: Callable[[], WorkerConfig] | None = None


async def start_server(
    config: WorkerConfig,
    launch: Launch,
    *,
    workers: int,
    on_request: Callable[[RequestRecord], None],
    confirm: Confirm,
    opened: Sequence[socket.socket] = (),
) -> RunningServer:
    """Start a server of one process, or of several.

    Args:
        config: What to run.
        launch: How.
        workers: How many processes have actors; 0 for one process with everything.
        on_request: Told of every request.
        confirm: Asked before migrations delete data.
        opened: Where the launch's address has led to already; copies of these are used.

    Raises:
        PerdureError: As ``Server.start`` and ``SupervisedServer.start``.
    """
    if workers == 0:
        return await Server.start(
            config,
            data_dir=launch.data_dir,
            host=launch.host,
            port=launch.port,
            port_is_fixed=launch.port_is_fixed,
            show_errors=launch.show_errors,
            on_request=on_request,
            confirm=confirm,
            opened=opened,
        )
    return await SupervisedServer.start(
        config,
        data_dir=launch.data_dir,
        host=launch.host,
        port=launch.port,
        workers=workers,
        routers=config.perdure.routers,
        port_is_fixed=launch.port_is_fixed,
        show_errors=launch.show_errors,
        log_style=launch.log,
        limits=SupervisionLimits(silence_max_s=None) if launch.is_debugged else None,
        on_request=on_request,
        confirm=confirm,
        reread=launch.reread,
        opened=opened,
    )
