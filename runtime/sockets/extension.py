"""permessage-deflate in the handshake: what is offered and what is agreed on (RFC 7692, 7.1).

Both sides always forget: with ``server_no_context_takeover`` and ``client_no_context_takeover`` no
compression state outlives a message, so an idle connection holds none, and a message to many is
compressed once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NAME = "permessage-deflate"
# What we ask of a server. That it may not limit our window is what leaving client_max_window_bits
# out says; the answer to server_no_context_takeover is binding.
OFFER = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
WINDOW_BITS_MAX = 15
# zlib cannot write deflate data without a header for a window of 256 bytes, which is 8 bits.
_WINDOW_BITS_MIN = 9
_WINDOW_BITS = frozenset(str(bits) for bits in range(8, 16))

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_WORD})(?:[ \t]*=[ \t]*(?:({_WORD})|"({_WORD})"))?')
_EXTENSION = re.compile(rf"[ \t]*({_WORD})")
_END = re.compile(r"[ \t]*(?:,|\Z)")

Parameters = Sequence[tuple[str, str | None]]


class BadExtensions(ValueError):
    """A ``Sec-WebSocket-Extensions`` that is not as RFC 6455, section 9.1, says, or no answer to
    what was offered.
    """


@dataclass(frozen=True, slots=True)
class Agreed:
    """That messages may be compressed.

    Attributes:
        window_bits: Of what we send, 9 to 15: the base-2 logarithm of how far back it may refer.
        header: The answer that says so.
    """

    window_bits: int
    header: str


def read_extensions(values: Iterable[str]) -> list[tuple[str, Parameters]]:
    """The extensions of all headers of that name, in their order, with their parameters.

    Raises:
        BadExtensions: One is malformed.
    """
    return [extension for value in values for extension in _read(value)]


def choose(values: Iterable[str]) -> Agreed | None:
    """What a server says to a client's offers: the first that can be met; None for no compression.

    Raises:
        BadExtensions: The offers are malformed.
    """
    for name, parameters in read_extensions(values):
        if name == NAME and (asked := _asked(parameters)) is not None:
            bits = asked.get("server_max_window_bits")
            if bits is None:
                return Agreed(WINDOW_BITS_MAX, OFFER)
            if int(bits) >= _WINDOW_BITS_MIN:
                return Agreed(int(bits), f"{OFFER}; server_max_window_bits={bits}")
    return None


def check_answer(values: Iterable[str]) -> Agreed | None:
    """What a server's answer to ``OFFER`` means; None when it declines.

    Raises:
        BadExtensions: It is none that may be given.
    """
    values = list(values)
    answered = read_extensions(values)
    if not answered:
        return None
    header = ", ".join(values)
    if len(answered) > 1 or answered[0][0] != NAME:
        raise BadExtensions(f"the server uses an extension that it was not offered: {header}")
    agreed = _asked(answered[0][1])
    if agreed is None or "client_max_window_bits" in agreed:
        raise BadExtensions(f"the server answers {NAME} with what may not be answered: {header}")
    if "server_no_context_takeover" not in agreed:
        raise BadExtensions(f"the server does not grant server_no_context_takeover: {header}")
    return Agreed(WINDOW_BITS_MAX, header)


def _read(value: str) -> Iterable[tuple[str, Parameters]]:
    at = 0
    while at < len(value):
        if (extension := _EXTENSION.match(value, at)) is not None:
            parameters: list[tuple[str, str | None]] = []
            at = extension.end()
            while (parameter := _PARAMETER.match(value, at)) is not None:
                parameters.append((parameter[1], parameter[2] or parameter[3]))
                at = parameter.end()
            yield extension[1], parameters
        if (end := _END.match(value, at)) is None:
            raise BadExtensions(f"Sec-WebSocket-Extensions cannot be read from: {value[at:]!r}")
        at = end.end()


def _asked(parameters: Parameters) -> dict[str, str | None] | None:
    """The parameters by name; None where one is unknown, comes twice, or has no valid value."""
    asked = dict(parameters)
    if len(asked) < len(parameters):
        return None
    return asked if all(_is_valid(name, value) for name, value in parameters) else None


def _is_valid(name: str, value: str | None) -> bool:
    if name in {"server_no_context_takeover", "client_no_context_takeover"}:
        return value is None
    if name == "client_max_window_bits":
        return value is None or value in _WINDOW_BITS
    return name == "server_max_window_bits" and value in _WINDOW_BITS
