"""What a supervisor and its child say to each other: the messages and their form on the wire.

A frame is four bytes with the length of what follows (big-endian), then a msgpack array: the
number of the kind and the fields in the order of the class. Descriptors travel beside the bytes
of the frame that they belong to; the frame says how many.

Only the supervisor says Configure, Link, Unlink, Serve, Drain, Stop, Ping, Ask and Relay; only the
child says Ready, Serving, Drained, Failed, Pong, Statistics and Relaying; Hello and Tell are for
both.

*Rules for editing*: kinds keep their numbers. Number 0 and the version that follows it keep their
form for good: that is what processes of different versions tell each other apart by.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import ClassVar, Final

from msgpack import packb, unpackb

from .errors import ControlBroken
from .places import Identity, Place, Role

SIZE_BYTES_MAX = 4 * 1024 * 1024
LENGTH_SIZE_BYTES = 4
DESCRIPTORS_MAX = 16  # listening sockets of one host name, with plenty to spare
_TEXT_LENGTH_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Hello:
    """The first word of either side.

    Attributes:
        version: Of perdure.
        role: ``supervisor``, or what its child is so far: ``spare``.
        slot: Empty for both.
        generation: 0 for both.
    """

    version: str
    role: str
    slot: str
    generation: int


@dataclass(frozen=True, slots=True)
class Configure:
    """What the child is to be: it gets ready for that, and says Ready or Failed.

    Attributes:
        role: Its role.
        slot: Its slot.
        generation: Its generation.
        settings: For its program.
        descriptors: How many travel with this, for its program.
    """

    role: str
    slot: str
    generation: int
    settings: bytes
    descriptors: int


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a fresh socketpair, whose other end ``role``, ``slot``, ``generation`` has."""

    role: str
    slot: str
    generation: int
    descriptors: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Unlink:
    """That process has gone."""

    role: str
    slot: str
    generation: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The child could serve: its program is imported.

    Attributes:
        info: From its program.
    """

    info: bytes


@dataclass(frozen=True, slots=True)
class Serve:
    """Take over; say Serving when that is done."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The child serves."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Take no new work and finish what is under way, then say Drained.

    Attributes:
        left_s: How long that may take.
        together: All workers drain now: what they ask of each other belongs to what is under way.
    """

    left_s: float
    together: bool


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is under way any more, and everything is durable."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Let go of everything and end."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The child cannot be what it is to be, and ends.

    Attributes:
        text: Why.
        is_usage: The user's program or configuration is at fault.
    """

    text: str
    is_usage: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Do you answer?"""

    number: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I do."""

    number: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What does the child hold?"""

    number: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the child holds, as its program puts it."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """From program to program; nothing in between reads it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Relay:
    """A successor serves. Take no new clients, serve those there are; Drained when none is left.

    Attributes:
        left_s: How long that may take; then the others are closed.
    """

    left_s: float


@dataclass(frozen=True, slots=True)
class Relaying:
    """The child takes no new clients any more.

    Attributes:
        moved: How many of its clients the successor has now.
        staying: How many it serves until they end.
    """

    moved: int
    staying: int


Message = (
    Hello
    | Configure
    | Link
    | Unlink
    | Ready
    | Serve
    | Serving
    | Drain
    | Drained
    | Stop
    | Failed
    | Ping
    | Pong
    | Ask
    | Statistics
    | Tell
    | Relay
    | Relaying
)

KINDS: Final[tuple[type[Message], ...]] = (
    Hello,
    Configure,
    Link,
    Unlink,
    Ready,
    Serve,
    Serving,
    Drain,
    Drained,
    Stop,
    Failed,
    Ping,
    Pong,
    Ask,
    Statistics,
    Tell,
    Relay,
    Relaying,
)
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_BOTH = {Hello, Tell}
SUPERVISORS: Final = frozenset(
    {*_BOTH, Configure, Link, Unlink, Serve, Drain, Stop, Ping, Ask, Relay},
)
CHILDS: Final = frozenset(
    {*_BOTH, Ready, Serving, Drained, Failed, Pong, Statistics, Relaying},
)
_ROLES = {role.value for role in Role}


def encode(message: Message) -> bytes:
    """Return the frame of a message.

    Raises:
        ControlBroken: It is larger than a frame may be.
    """
    payload: bytes = packb([_NUMBERS[type(message)], *astuple(message)])
    if len(payload) > SIZE_BYTES_MAX:
        kind = type(message).__name__
        raise ControlBroken(f"{kind} of {len(payload)} bytes is larger than {SIZE_BYTES_MAX}")
    return len(payload).to_bytes(LENGTH_SIZE_BYTES) + payload


def decode(payload: bytes, allowed: frozenset[type[Message]], version: str) -> Message:
    """Return the message of a frame.

    Args:
        payload: The frame without its length.
        allowed: ``SUPERVISORS`` or ``CHILDS``: what the other side may say.
        version: Of this side.

    Raises:
        ControlBroken: It is none that the other side may send, or the Hello of another version.
    """
    try:
        number, *values = unpackb(payload)
    except Exception as error:  # msgpack has many, and some of them are ValueErrors
        raise ControlBroken(f"no message: {type(error).__name__}") from error
    if number == 0 and values and isinstance(values[0], str) and values[0] != version:
        raise ControlBroken(
            f"the other process runs perdure {values[0][:50]!r}, this one {version!r}: perdure "
            "was replaced on the disk while the server runs. Stop the server and start it again"
        )
    if type(number) is not int or not 0 <= number < len(KINDS) or KINDS[number] not in allowed:
        raise ControlBroken("a kind of message that the other side may not send")
    return _build(KINDS[number], values)


def descriptors_of(message: Message) -> int:
    """Return how many descriptors travel with a message."""
    return message.descriptors if isinstance(message, Configure | Link) else 0


def identity_of(message: Configure | Link | Unlink) -> Identity:
    """Return whom a message is about."""
    return Identity(Place(Role(message.role), message.slot), message.generation)


def clipped(text: str) -> str:
    """Return a text that a message has room for; of one that is too long, its end says most."""
    sound = text.encode(errors="backslashreplace").decode()
    return sound if len(sound) <= _TEXT_LENGTH_MAX else "…" + sound[1 - _TEXT_LENGTH_MAX :]


def _build(kind: type[Message], values: list[object]) -> Message:
    wanted = fields(kind)
    if len(values) != len(wanted):
        raise ControlBroken(f"{kind.__name__} with {len(values)} fields")
    for field, value in zip(wanted, values, strict=True):
        if type(value) is not field.type:
            raise ControlBroken(f"{kind.__name__}.{field.name} is of type {type(value).__name__}")
        if isinstance(value, int) and value < 0:
            raise ControlBroken(f"{kind.__name__}.{field.name} is negative")
    make: Callable[..., Message] = kind
    message = make(*values)
    if isinstance(message, Configure | Link | Unlink) and message.role not in _ROLES:
        raise ControlBroken(f"{kind.__name__} for a role that does not exist")
    if descriptors_of(message) > DESCRIPTORS_MAX:
        raise ControlBroken(f"{kind.__name__} with {descriptors_of(message)} descriptors")
    return message
