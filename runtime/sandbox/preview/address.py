"""Where a port of a sandbox is seen: ``{port}-{sandbox id}-{token}.{hostname}``, and back."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from ..errors import SandboxInvalid, SandboxPortError, SandboxSecurityError
from .port import PORT_MAX, check_port, is_port
from .token import TOKEN_SIZE, check_token, is_token

# One label of a name in DNS has at most 63 characters; port and token take up to 23 of them.
LABEL_SIZE_MAX: Final = 63
NAME_SIZE_MAX: Final = LABEL_SIZE_MAX - len("65535--") - TOKEN_SIZE
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_LABEL: Final = re.compile(r"([1-9][0-9]{3,4})-(.+)-([a-z0-9_]+)")
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class PreviewAddress:
    """What stands in the first label of a preview's host.

    Attributes:
        port: Inside.
        name: The sandbox's, as ``get_sandbox`` was given it.
        token: Without it nobody gets in.
    """

    port: int
    name: str
    token: str

    def __post_init__(self) -> None:
        check_port(self.port)
        check_name(self.name)
        check_token(self.token)

    @property
    def label(self) -> str:
        """The first label of its host."""
        return f"{self.port}-{self.name}-{self.token}"

    def url(self, hostname: str) -> str:
        """Return where it is seen below ``hostname``, which may say a port.

        By http on this machine, where browsers take every name below ``localhost`` for it; else by
        https.

        Raises:
            SandboxInvalid: It is no hostname.
            SandboxPortError: It is one that has no names below it: CUSTOM_DOMAIN_REQUIRED.
        """
        host, port = _split(hostname)
        if host.lower().endswith(".workers.dev"):
            why = f"Names below {host} lead nowhere: exposing a port requires a domain of your own"
            raise SandboxPortError("CUSTOM_DOMAIN_REQUIRED", why, {"hostname": hostname})
        if is_local(host):
            return f"http://{self.label}.{local_hostname(host)}{port}"
        return f"https://{self.label}.{host}{port}"


def check_name(name: object) -> None:
    """See that the name of a sandbox can stand in a host.

    Raises:
        SandboxSecurityError: It cannot; the message says why, the code is INVALID_SANDBOX_ID.
    """
    if type(name) is str and _NAME.fullmatch(name) and len(name) <= NAME_SIZE_MAX:
        return
    why = (
        f"{name!r} cannot stand in the host of a preview URL, of which one part has at most "
        f"{LABEL_SIZE_MAX} characters and no upper case: a sandbox whose ports are exposed has an "
        f"id of 1 to {NAME_SIZE_MAX} lower-case letters, digits, underscores and hyphens, and "
        "no hyphen begins or ends it"
    )
    raise SandboxSecurityError("INVALID_SANDBOX_ID", why, {"id": name})


def address_of(host: str) -> PreviewAddress | None:
    """Return what a request for ``host`` is for; None if that is no preview of ours.

    Args:
        host: As in a URL, where upper case means nothing; with or without a port.
    """
    # Before lower(), which makes ASCII of some letters that are none.
    if not host.isascii() or not _HOST.fullmatch(host):
        return None
    label, dot, rest = host.lower().partition(".")
    parts = _LABEL.fullmatch(label)
    if not dot or not rest or parts is None or len(label) > LABEL_SIZE_MAX:
        return None
    port, name, token = int(parts[1]), parts[2], parts[3]
    if not is_port(port) or not is_token(token):
        return None
    try:
        return PreviewAddress(port, name, token)
    except SandboxSecurityError:
        return None


def is_local(host: str) -> bool:
    """Whether ``host``, without a port, is this machine."""
    name = host.lower()
    if name.endswith("localhost"):
        return name[:-9] == "" or (name[-10] == "." and _HOST.fullmatch(name) is not None)
    try:
        address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def local_hostname(host: str) -> str:
    """Return what browsers resolve all names below, without being told, for a local host."""
    name = host.lower()
    return name if name.endswith("localhost") else "localhost"


def _split(hostname: object) -> tuple[str, str]:
    """A hostname in two: the host, and the port with its colon or nothing."""
    if not isinstance(hostname, str):
        raise _no_hostname(hostname)
    host, colon, port = hostname.rpartition(":")
    if not colon or hostname.endswith("]"):
        host, port = hostname, ""
    is_fine = not colon or hostname.endswith("]") or _is_port(port)
    is_name = _HOST.fullmatch(host) is not None and not _is_number(host)
    if is_fine and (is_name or is_local(host)):
        return host, f":{int(port)}" if port else ""
    raise _no_hostname(hostname)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= PORT_MAX


def _no_hostname(hostname: object) -> SandboxInvalid:
    why = (
        f"{hostname!r} is no name below which there can be others: give the host that requests "
        'come to, such as "example.com" or "localhost:8787"'
    )
    return SandboxInvalid("VALIDATION_FAILED", why, {"field": "hostname"})


def _is_number(host: str) -> bool:
    """An address has no names below it."""
    return host.rpartition(".")[2].isdecimal()
