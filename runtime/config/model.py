"""A checked configuration: frozen values with nothing left to validate.

Lines count from 1 and say where in ``WorkerConfig.path`` a thing was declared, so that later
stages (loading the code, applying migrations) can point at it too; None when unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...actors.limits import ActorLimits
from ...storage.archive.archive import RETENTION
from ...storage.catalog import Storage
from ...storage.limits import StorageLimits
from ..sockets.limits import SocketLimits
from .errors import Problem
from .firewall.model import FirewallRule
from .limits import EdgeLimits
from .sandbox import SandboxConfig


@dataclass(frozen=True, slots=True)
class DurableObjectBinding:
    """``env.<name>`` is a namespace of objects of ``class_name``.

    Attributes:
        script_name: The Worker whose class it is, as written; None for this one.
    """

    name: str
    class_name: str
    script_name: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceBinding:
    """``env.<name>`` is another Worker, or this one.

    Attributes:
        service: The Worker's name.
        environment: Of that Worker; None for its top level.
        entrypoint: The class that answers; None for ``Default``.
        props: What that class is told by this binding, as ``ctx.props``.
    """

    name: str
    service: str
    environment: str | None = None
    entrypoint: str | None = None
    line: int | None = None
    props: Mapping[str, object] = field(default_factory=dict)

    @property
    def worker(self) -> str:
        """The name of the Worker that is meant; an environment's is one of its own."""
        return f"{self.service}-{self.environment}" if self.environment else self.service


@dataclass(frozen=True, slots=True)
class UnservedBinding:
    """``env.<name>`` would be something that perdure does not have.

    Attributes:
        key: wrangler's key, for instance ``r2_buckets``.
        kind: What it would be, for instance ``R2 bucket``.
    """

    name: str
    key: str
    kind: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class AssetsConfig:
    """``assets``: files that are served in front of the Worker.

    Attributes:
        directory: Absolute; it need not exist.
        binding: ``env.<binding>`` serves them too; None for nothing of the kind.
        run_worker_first: The Worker is asked before the files: always, or where the path fits a
            pattern and none that begins with ``!``.
        html_handling: How paths lead to HTML files; one of ``HTML_HANDLING``.
        not_found_handling: What is answered where there is none; one of ``NOT_FOUND_HANDLING``.
    """

    directory: Path
    binding: str | None = None
    run_worker_first: bool | Sequence[str] = False
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RenamedClass:
    """One entry of ``renamed_classes``."""

    from_class: str
    to_class: str


@dataclass(frozen=True, slots=True)
class TransferredClass:
    """One entry of ``transferred_classes``."""

    from_class: str
    from_script: str
    to_class: str


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One ``[[migrations]]`` table; its lists take effect in the order of DELETED to TRANSFERRED.

    That order is wrangler's: deleted, renamed, new, new with SQLite; transferred comes last.
    """

    tag: str
    deleted_classes: Sequence[str] = ()
    renamed_classes: Sequence[RenamedClass] = ()
    new_classes: Sequence[str] = ()
    new_sqlite_classes: Sequence[str] = ()
    transferred_classes: Sequence[TransferredClass] = ()
    line: int | None = None


ExportState = Literal["created", "deleted", "renamed", "transferred", "expecting-transfer"]


@dataclass(frozen=True, slots=True)
class ExportedClass:
    """One entry of ``exports``: a class as it is to be.

    Attributes:
        storage: Of a class that is created or expected: ``sqlite``, or ``kv`` for ``legacy-kv``.
        renamed_to: The class that has the objects now; for the state ``renamed`` alone.
        transferred_to: The Worker that may have them; for ``transferred`` alone.
        transfer_from: The Worker that has them; for ``expecting-transfer`` alone.
    """

    name: str
    state: ExportState = "created"
    storage: Storage = "sqlite"
    renamed_to: str | None = None
    transferred_to: str | None = None
    transfer_from: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class DevConfig:
    """``[dev]``: where ``perdure dev`` listens.

    Attributes:
        port_explicit: The file names a port, so another one is no substitute when it is taken.
        test_scheduled: A cron trigger can be fired at wrangler's path for that; no file says so.
    """

    ip: str = "127.0.0.1"
    port: int = 8787
    port_explicit: bool = False
    test_scheduled: bool = False


@dataclass(frozen=True, slots=True)
class LogConfig:
    """``[perdure.log]``."""

    level: str = "info"
    format: str = "text"


TLS_VERSIONS = ("1.2", "1.3")


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """``[perdure.tls]``: what the server needs to speak TLS.

    Attributes:
        cert: A PEM file with the certificate, and behind it those that lead to the root.
        key: A PEM file with its private key; None when that is in ``cert`` too.
        min_version: The oldest version of TLS that is spoken, one of ``TLS_VERSIONS``.
    """

    cert: Path
    key: Path | None = None
    min_version: str = "1.2"


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """``[perdure.tracing]``: where spans are sent.

    Attributes:
        endpoint: Of a collector that speaks OTLP over HTTP; None for what the environment says.
        sampling_ratio: How many of the traces that begin here are sampled, 0 to 1; the same.
    """

    endpoint: str | None = None
    sampling_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class PerdureConfig:
    """``[perdure]``: what wrangler does not know.

    Attributes:
        data_dir: Where state is kept, absolute; None when the file does not say.
        idle_timeout_s: How long an actor without work stays in memory.
        trash_retention_days: How long the data of deleted classes can be taken back.
        point_in_time_days: How long each state of an actor can be had back; 0 for no archive.
        point_in_time_size_bytes_max: How much the archive may take; the oldest goes first.
        free_space_size_bytes_min: With less left on the disk no new actor is begun; 0 for never,
            None for the smaller one of 256 MiB and 2 % of the file system.
        allowed_origins: Patterns of the origins, besides the server's own, whose pages may open
            WebSockets.
        trusted_proxies: Addresses and CIDR blocks of proxies that are believed.
        proxy_headers: What those write: ``"x-forwarded"`` or ``"forwarded"`` (RFC 7239).
        websocket_compression: Whether WebSocket messages are compressed for peers that can.
        tls: None for a server that speaks plain HTTP.
        tracing: None when the file does not ask for traces.
        firewall: The rules that requests are held against, in their order.
        control_port: Where metrics and health are, on 127.0.0.1; 0 for any port, None for nowhere.
        workers: How many processes have actors; 0 for none beside that of the command, None for
            what the command has by default: as many as processors (serve), or 1 (dev).
        routers: How many processes have clients, when others have actors.
        sandbox: What sandboxes are made of.
    """

    data_dir: Path | None = None
    idle_timeout_s: float = 10.0
    trash_retention_days: float = 30.0
    point_in_time_days: float = RETENTION.days
    point_in_time_size_bytes_max: int = RETENTION.size_bytes_max
    free_space_size_bytes_min: int | None = None
    allowed_origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    proxy_headers: str = "x-forwarded"
    websocket_compression: bool = False
    tls: TlsConfig | None = None
    tracing: TracingConfig | None = None
    firewall: Sequence[FirewallRule] = ()
    control_port: int | None = None
    workers: int | None = None
    routers: int = 1
    storage_limits: StorageLimits = field(default_factory=StorageLimits)
    actor_limits: ActorLimits = field(default_factory=ActorLimits)
    edge_limits: EdgeLimits = field(default_factory=EdgeLimits)
    socket_limits: SocketLimits = field(default_factory=SocketLimits)
    log: LogConfig = field(default_factory=LogConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """One Worker as its configuration file declares it, with one environment chosen.

    Attributes:
        name: Of the Worker; with an environment that sets none, ``<name>-<environment>``.
        main: The Python file with the classes, absolute; whether it exists was not looked at.
        compatibility_date: As written; perdure always behaves as of today.
        vars: Name to value; values are str, int, float, bool, datetimes, lists and dicts.
        var_sources: Name to where its value is from: a file name or ``--var``.
        bindings: In file order, those to classes of other Workers, too.
        services: Bindings to Workers, in file order.
        unserved: Bindings to what perdure does not have, in file order.
        crons: When ``scheduled`` is to run, each in cron's syntax.
        assets: None when there are none.
        migrations: In the order they are applied; empty where there are exports.
        exports: The classes as they are to be; None where migrations say it, or nothing does.
        env_name: The chosen environment; None for the top level.
        path: The configuration file, absolute.
        base_dir: Its directory, which relative paths start from.
        others: Workers that are started with this one, which bindings of its lead to, or of each
            other; requests from outside are this one's. What they say under ``perdure`` and
            ``dev`` is of no effect, and they have no others.
    """

    name: str
    main: Path
    path: Path
    base_dir: Path
    main_line: int | None = None
    env_name: str | None = None
    compatibility_date: str | None = None
    compatibility_flags: Sequence[str] = ()
    vars: Mapping[str, object] = field(default_factory=dict)
    var_sources: Mapping[str, str] = field(default_factory=dict)
    bindings: Sequence[DurableObjectBinding] = ()
    services: Sequence[ServiceBinding] = ()
    unserved: Sequence[UnservedBinding] = ()
    crons: Sequence[str] = ()
    assets: AssetsConfig | None = None
    migrations: Sequence[MigrationStep] = ()
    exports: Sequence[ExportedClass] | None = None
    dev: DevConfig = field(default_factory=DevConfig)
    perdure: PerdureConfig = field(default_factory=PerdureConfig)
    others: Sequence["WorkerConfig"] = ()

    @property
    def programs(self) -> Sequence["WorkerConfig"]:
        """All Workers of a start, the one that requests from outside reach at the front."""
        return (self, *self.others)

    def owner_of(self, binding: DurableObjectBinding) -> str:
        """Return the name of the Worker to a class of which a binding leads."""
        return binding.script_name or self.name

    @property
    def own_bindings(self) -> Sequence[DurableObjectBinding]:
        """Those of ``bindings`` that lead to classes of this Worker."""
        return tuple(each for each in self.bindings if self.owner_of(each) == self.name)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration that can be used, and what is worth saying about it."""

    config: WorkerConfig
    warnings: Sequence[Problem] = ()
