"""All kinds of frames: their numbers, their fields, and who may send them.

# Pure: no clock, no files.

A frame is ``[number of the kind, field, ...]``; the table below is the wire format between
processes. Both ends of a link are of one version of perdure (HELLO says so, and its first two
fields stay what they are for ever), so numbers may change with a version; PROTOCOL then grows.

Each side counts its own calls, streams and sessions. CALL and FETCH count up by one side; REPLY,
RESPONSE, FAILURE and ANSWERED name the number that the other side gave, FINISH and GIVE_UP one of
the sender's own. CHUNK, END and BROKEN name a stream
of the sender's, CREDIT and CANCEL one of the receiver's.

A router sends no calls of methods and nothing that only an owner of actors can know; a supervisor
sends neither events nor frames of sockets. Numbers 64 to 95 are kept for what a supervisor says to
its children, which is spoken over another connection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .errors import LinkBroken
from .fields import (
    Fits,
    are_header_fields,
    are_receipts,
    is_bool,
    is_bytes,
    is_close,
    is_close_code,
    is_message,
    is_number,
    is_numbered_message,
    is_packed,
    is_pair_of_texts,
    is_raw_id,
    is_request,
    is_response,
    is_restart,
    is_seconds,
    is_sent,
    is_text,
    list_of,
    or_none,
    tuple_of,
)
from .framing import Frame

# Grows whenever a kind changes its number or its fields.
PROTOCOL: Final = 3

# Who is at an end of a link, as bits. Plain ints here and below: enum members cost several times
# as much wherever a frame is looked at.
SUPERVISOR: Final = 1
ROUTER: Final = 2
WORKER: Final = 4
ROLE_NAMES: Final = {SUPERVISOR: "supervisor", ROUTER: "router", WORKER: "worker"}

# The link itself.
HELLO: Final = 1
PART: Final = 2
BYE: Final = 3
# Events and their answers.
CALL: Final = 8
FETCH: Final = 9
REPLY: Final = 10
RESPONSE: Final = 11
FAILURE: Final = 12
TRACE: Final = 13
ON_TARGET: Final = 14
ON_ANSWER: Final = 15
# Bodies.
CHUNK: Final = 16
END: Final = 17
BROKEN: Final = 18
CREDIT: Final = 19
CANCEL: Final = 20
# Calls, once more.
ANSWERED: Final = 21
FINISH: Final = 22
GIVE_UP: Final = 23
# Sockets: whoever ends up with one that was lent.
TAKE: Final = 24
DROP: Final = 25
# Capabilities.
RELEASE: Final = 26
# Sockets: from the client to the actor.
MESSAGE: Final = 32
SAID_CLOSE: Final = 33
WAS_LOST: Final = 34
HOLD: Final = 35
GO_ON: Final = 36
FACTS: Final = 37
RESUME: Final = 38
# Sockets: one router hands a client to another; the worker's part of it.
LEAVING: Final = 39
ARRIVED: Final = 40
# Sockets: a connection that a worker has given to a router arrived there.
HELD: Final = 41
# Sockets: from the actor to the client.
SEND: Final = 48
SEVER: Final = 49
PAUSE: Final = 50
READ_ON: Final = 51
DELIVERY: Final = 52
AUTO: Final = 53
ACKNOWLEDGED: Final = 54
HIBERNATABLE: Final = 55
RESTART: Final = 56
TAKEN: Final = 57
LEFT: Final = 58
WHOSE: Final = 59
GIVEN: Final = 60

_ANYBODY = SUPERVISOR | ROUTER | WORKER
_PEERS = ROUTER | WORKER

Field = tuple[str, Fits]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of frames.

    Attributes:
        number: The frame's first element.
        name: As in this file.
        senders: The roles that may send it, as bits.
        fields: Name and test of each field, in order.
    """

    number: int
    name: str
    senders: int
    fields: tuple[Field, ...]


_SESSION: Field = ("session", is_number)
_ACTOR: tuple[Field, ...] = (
    ("unique_key", is_text),
    ("raw_id", is_raw_id),
    ("name", or_none(is_text)),
)
# What is kept of a hibernatable socket: enough to make it anew in another process.
_RECORD: tuple[Field, ...] = (
    *_ACTOR,
    ("session_id", is_text),
    ("tags", list_of(is_text)),
    ("attachment", or_none(is_bytes)),
)
_CALL_ID: Field = ("id", is_number)
_SERVED_BY: Field = ("served_by", or_none(is_text))
_STREAM: Field = ("stream", is_number)

_TABLE: tuple[tuple[int, str, int, tuple[Field, ...]], ...] = (
    (
        HELLO,
        "HELLO",
        _ANYBODY,
        (
            ("version", is_text),
            ("protocol", is_number),
            ("role", is_number),
            ("slot", or_none(is_text)),
            ("generation", is_number),
        ),
    ),
    # A piece of a frame that is too large to be sent at once; nothing comes between the pieces.
    (PART, "PART", _ANYBODY, (("data", is_bytes), ("is_last", is_bool))),
    # The sender ends the link on purpose.
    (BYE, "BYE", _ANYBODY, (("reason", is_text),)),
    (CALL, "CALL", WORKER, (_CALL_ID, *_ACTOR, ("method", is_text), ("arguments", is_packed))),
    # Without an actor it is one for the entrypoint.
    (
        FETCH,
        "FETCH",
        _PEERS,
        (
            _CALL_ID,
            ("unique_key", or_none(is_text)),
            ("raw_id", or_none(is_raw_id)),
            ("name", or_none(is_text)),
            ("request", is_request),
        ),
    ),
    # Whose trace the call that follows belongs to; nothing is sent where nobody traces.
    (TRACE, "TRACE", WORKER, (_CALL_ID, ("fields", are_header_fields))),
    # A call on what the receiver has sent; and one on what it will answer to an earlier call.
    (
        ON_TARGET,
        "ON_TARGET",
        WORKER,
        (_CALL_ID, ("target", is_number), ("method", is_text), ("arguments", is_packed)),
    ),
    (
        ON_ANSWER,
        "ON_ANSWER",
        WORKER,
        (_CALL_ID, ("call", is_number), ("method", is_text), ("arguments", is_packed)),
    ),
    # To ON_ANSWER: that call was answered before, with nothing that can be called.
    (ANSWERED, "ANSWERED", WORKER, (_CALL_ID,)),
    # The answer is here: nothing more will be called on it under the call's number.
    (FINISH, "FINISH", WORKER, (_CALL_ID,)),
    # Nobody waits for the answer.
    (GIVE_UP, "GIVE_UP", WORKER, (_CALL_ID,)),
    # What the receiver has sent so often is not needed any more.
    (RELEASE, "RELEASE", WORKER, (("target", is_number), ("times", is_number))),
    (REPLY, "REPLY", WORKER, (_CALL_ID, ("value", is_packed))),
    # From which slot it comes in the end, if not from the sender's.
    (RESPONSE, "RESPONSE", WORKER, (_CALL_ID, ("response", is_response), _SERVED_BY)),
    (FAILURE, "FAILURE", WORKER, (_CALL_ID, ("failure", is_bytes))),
    (CHUNK, "CHUNK", _PEERS, (_STREAM, ("data", is_bytes))),
    (END, "END", _PEERS, (_STREAM,)),
    (BROKEN, "BROKEN", _PEERS, (_STREAM, ("failure", is_bytes))),
    (CREDIT, "CREDIT", _PEERS, (_STREAM, ("size_bytes", is_number))),
    (CANCEL, "CANCEL", _PEERS, (_STREAM, ("failure", or_none(is_bytes)))),
    (TAKE, "TAKE", _PEERS, (("number", is_number), _SESSION)),
    (DROP, "DROP", _PEERS, (("number", is_number),)),
    (
        MESSAGE,
        "MESSAGE",
        _PEERS,
        (_SESSION, ("sequence", is_number), ("data", is_message), ("is_redelivered", is_bool)),
    ),
    (
        SAID_CLOSE,
        "SAID_CLOSE",
        _PEERS,
        (_SESSION, ("code", or_none(is_close_code)), ("reason", is_text)),
    ),
    (WAS_LOST, "WAS_LOST", _PEERS, (_SESSION, ("code", is_close_code), ("reason", is_text))),
    (HOLD, "HOLD", _PEERS, (_SESSION,)),
    (GO_ON, "GO_ON", _PEERS, (_SESSION,)),
    (
        FACTS,
        "FACTS",
        _PEERS,
        (
            ("sends_taken", is_number),  # how many SEND were, of this link
            (
                "facts",
                list_of(
                    tuple_of(
                        is_number,  # session
                        is_number,  # buffered_size_bytes
                        is_number,  # dropped_messages
                        or_none(is_seconds),  # round_trip_s
                        or_none(is_number),  # auto_response_time_ms
                    )
                ),
            ),
        ),
    ),
    (
        RESUME,
        "RESUME",
        ROUTER,
        (
            _SESSION,
            *_RECORD,
            ("auto_response", or_none(is_pair_of_texts)),
            ("unacknowledged", list_of(is_numbered_message)),
        ),
    ),
    # Behind all messages: say LEFT behind all that was sent; the rest is for who says ARRIVED.
    (LEAVING, "LEAVING", ROUTER, (_SESSION,)),
    # Who has the client now, and under which number; the first two say who had it.
    (
        ARRIVED,
        "ARRIVED",
        ROUTER,
        (("former_generation", is_number), ("former_session", is_number), _SESSION),
    ),
    (LEFT, "LEFT", WORKER, (_SESSION,)),
    # To all of these sockets; a close frame is the last that is sent.
    (
        SEND,
        "SEND",
        WORKER,
        (
            ("sessions", list_of(is_number)),
            ("messages", list_of(is_sent)),
            ("close", or_none(is_close)),
        ),
    ),
    (SEVER, "SEVER", WORKER, (_SESSION, ("code", is_close_code), ("reason", is_text))),
    (PAUSE, "PAUSE", WORKER, (_SESSION,)),
    (READ_ON, "READ_ON", WORKER, (_SESSION,)),
    (
        DELIVERY,
        "DELIVERY",
        WORKER,
        (_SESSION, ("policy", is_text), ("queue_size_bytes_max", or_none(is_number))),
    ),
    (AUTO, "AUTO", WORKER, (_SESSION, ("auto_response", or_none(is_pair_of_texts)))),
    (ACKNOWLEDGED, "ACKNOWLEDGED", WORKER, (("receipts", are_receipts),)),
    (HIBERNATABLE, "HIBERNATABLE", WORKER, (_SESSION, *_RECORD)),
    # What is to be done when the sender has gone; a class says so.
    (RESTART, "RESTART", WORKER, (_SESSION, ("policy", is_restart))),
    # Which actor has it, and by what name, of one that cannot hibernate: for who watches.
    (WHOSE, "WHOSE", WORKER, (_SESSION, *_ACTOR, ("session_id", is_text))),
    # Whoever has it has said what it wants of the connection: the client may be read.
    (TAKEN, "TAKEN", WORKER, (_SESSION,)),
    # Who speaks with the client is at the end of a connection that the worker has opened. It gives
    # the descriptor of that away, with the session's number, and hears no more of either.
    (
        GIVEN,
        "GIVEN",
        WORKER,
        (_SESSION, ("inbound", is_bytes), ("sandbox_id", or_none(is_text))),
    ),
    # The router has that connection, and sees to all that it needs.
    (HELD, "HELD", ROUTER, (_SESSION,)),
)

KINDS: Final = {row[0]: Kind(*row) for row in _TABLE}
"""Every kind, by its number."""

KINDS_MAX: Final = 96
"""Numbers of kinds are below this."""

# What ``check`` looks at, by number: senders, length, and the tests, without attributes.
_Row = tuple[int, int, tuple[Callable[[Any], bool], ...]]
_ROWS: tuple[_Row | None, ...] = tuple(
    (KINDS[n].senders, len(KINDS[n].fields) + 1, tuple(fits for _, fits in KINDS[n].fields))
    if n in KINDS
    else None
    for n in range(KINDS_MAX)
)


def check(role: int, frame: Frame) -> int:
    """The number of the kind of ``frame``, which a process of ``role`` may send so.

    Raises:
        LinkBroken: There is no such kind, it is not for that role to send, or its fields are not
            those of the kind.
    """
    number: int = frame[0]
    row = _ROWS[number] if type(number) is int and 0 <= number < KINDS_MAX else None
    if row is None:
        raise LinkBroken(f"a frame of an unknown kind: {number!r:.40}")
    senders, length, tests = row
    if not senders & role:
        raise LinkBroken(f"{_name(role)} may not send {KINDS[number].name}")
    if len(frame) != length:
        raise LinkBroken(
            f"{KINDS[number].name} has {length - 1} fields, and came with {len(frame) - 1}"
        )
    index = 1
    for fits in tests:
        if not fits(frame[index]):
            name = KINDS[number].fields[index - 1][0]
            raise LinkBroken(f"{KINDS[number].name}: its {name} is none")
        index += 1
    return number


def _name(role: int) -> str:
    return f"a {ROLE_NAMES[role]}" if role in ROLE_NAMES else f"nobody of role {role}"
