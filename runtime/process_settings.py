"""What a supervisor tells its processes to be: a router's settings, and a worker's."""

import copyreg
import io
import pickle  # between processes of one version that have nobody else on the line
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .config.model import WorkerConfig
from .host.migration_plan import NamespacesByWorker
from .observe.logs import LogStyle

# What a router is told when the certificate is to be read again.
RELOAD_CERTIFICATES = b"reload certificates"
_SLOTS = b"slots "
_PROBLEM = b"problem "


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """The same for all processes of a server.

    Attributes:
        config: What to run.
        data_dir: Where its state is; the supervisor has locked it.
        namespaces: What the catalog says of the Workers of ``config``.
        slots: Those of all workers.
        show_errors: Clients see tracebacks.
        log: How what it logs looks.
        tells_requests: Somebody wants to hear of every request.
    """

    config: WorkerConfig
    data_dir: Path
    namespaces: NamespacesByWorker
    slots: tuple[str, ...]
    show_errors: bool = False
    log: LogStyle = field(default_factory=LogStyle)
    tells_requests: bool = False

    def encode(self) -> bytes:
        """As they travel."""
        data = io.BytesIO()
        pickler = pickle.Pickler(data)
        pickler.dispatch_table = copyreg.dispatch_table | {MappingProxyType: _reduce_proxy}
        pickler.dump(self)
        return data.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> "ProcessSettings":
        """Those that ``encode`` has given, from the supervisor and nobody else."""
        settings = pickle.loads(data)  # noqa: S301  # see above
        assert isinstance(settings, cls), "the supervisor sends no others"
        return settings


def encode_slots(slots: tuple[str, ...]) -> bytes:
    """Return what routers are told when other slots serve than before."""
    return _SLOTS + " ".join(slots).encode()


def decode_slots(data: bytes) -> tuple[str, ...] | None:
    """Return what ``encode_slots`` was given, or None if it has not made this."""
    return tuple(data.removeprefix(_SLOTS).decode().split()) if data.startswith(_SLOTS) else None


def encode_problem(problem: str | None) -> bytes:
    """Return what routers are told to say below pages; None for nothing."""
    return _PROBLEM + (problem or "").encode(errors="backslashreplace")


def decode_problem(data: bytes) -> str | None:
    """Return what ``encode_problem`` was given, "" for None; None if it has not made this."""
    return data.removeprefix(_PROBLEM).decode() if data.startswith(_PROBLEM) else None


def _reduce_proxy(proxy: "MappingProxyType[Any, Any]") -> tuple[Any, ...]:
    """How a read-only mapping of a configuration is made again."""
    return _proxy_of, (dict(proxy),)


def _proxy_of(content: dict[Any, Any]) -> "MappingProxyType[Any, Any]":
    return MappingProxyType(content)
