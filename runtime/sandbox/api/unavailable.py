"""Calls of the system that programs may come from, which need what is not on this machine."""

from typing import Any, ClassVar, NoReturn

from ..errors import SandboxInvalid
from .part import Part

_BUCKETS = (
    "Buckets cannot be mounted in a sandbox of perdure. Share files of this machine with "
    "[perdure.sandbox] mount (read-only) or copy, keep what a sandbox makes with create_backup, "
    'and reach an object store with its own client (network = "outbound")'
)
_TUNNELS = (
    "perdure makes no tunnels. expose_port gives a preview URL of this server; put a reverse proxy "
    "with a wildcard host name in front of it for the world outside"
)


class Tunnels:
    """Says of each call what to use instead."""

    async def get(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SandboxInvalid``."""
        raise _not_available("tunnels.get", _TUNNELS)

    async def list(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SandboxInvalid``."""
        raise _not_available("tunnels.list", _TUNNELS)

    async def destroy(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SandboxInvalid``."""
        raise _not_available("tunnels.destroy", _TUNNELS)


class Unavailable(Part):
    """Says of each call what to use instead.

    Attributes:
        tunnels: Likewise.
    """

    tunnels: ClassVar[Tunnels] = Tunnels()

    async def mount_bucket(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SandboxInvalid``, which says what to use instead."""
        raise _not_available("mount_bucket", _BUCKETS)

    async def unmount_bucket(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SandboxInvalid``, which says what to use instead."""
        raise _not_available("unmount_bucket", _BUCKETS)


def _not_available(call: str, text: str) -> SandboxInvalid:
    return SandboxInvalid("NOT_AVAILABLE", f"{call}: {text}", {"call": call})
