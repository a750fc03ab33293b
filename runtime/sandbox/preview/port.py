"""Which ports inside a sandbox can be reached from outside."""

from typing import Final

from ..errors import SandboxSecurityError

PORT_MIN: Final = 1024
PORT_MAX: Final = 65_535
# Programs that come from the other system do not expect to get it; nothing listens there here.
RESERVED: Final = 3000


def is_port(port: object) -> bool:
    """Whether it is the number of a port that can be reached."""
    return type(port) is int and PORT_MIN <= port <= PORT_MAX and port != RESERVED


def check_port(port: object) -> None:
    """See that it is such a number.

    Raises:
        SandboxSecurityError: It is not; its code is INVALID_PORT.
    """
    if not is_port(port):
        text = (
            f"Invalid port number: {port!r}. Must be {PORT_MIN}-{PORT_MAX}, excluding {RESERVED} "
            "(sandbox control plane)."
        )
        raise SandboxSecurityError("INVALID_PORT", text, {"port": port})
