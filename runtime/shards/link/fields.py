"""What a field of a frame may hold: tests that take anything and never raise.

# Pure: no clock, no files.

Each is a function of one value, which came out of msgpack: None, bool, int, float, str, bytes, an
extension, or a list of such. ``kinds`` puts them together.
"""

from collections.abc import Callable
from typing import Any

from ....actors.link import RESTARTS

Fits = Callable[[Any], bool]

_RAW_ID_SIZE_BYTES = 32
_NUMBER_MAX = 2**63 - 1
_STATUS_MIN, _STATUS_MAX = 100, 999
_METHOD_LENGTH_MAX = 64 * 1024  # the text of a request's method; the parser allows far less
_REDIRECTS = frozenset({"follow", "manual", "error"})


def is_number(value: Any) -> bool:
    """A number of a call, a stream or a session, a size, a time; not negative."""
    return type(value) is int and 0 <= value <= _NUMBER_MAX


def is_text(value: Any) -> bool:
    return type(value) is str


def is_bytes(value: Any) -> bool:
    return type(value) is bytes


def is_bool(value: Any) -> bool:
    return type(value) is bool


def is_seconds(value: Any) -> bool:
    return type(value) is float and value >= 0


def is_restart(value: Any) -> bool:
    """What a class wants done with its sockets when its process has gone."""
    return type(value) is str and value in RESTARTS


def is_raw_id(value: Any) -> bool:
    return type(value) is bytes and len(value) == _RAW_ID_SIZE_BYTES


def is_close_code(value: Any) -> bool:
    """A close code as it may stand in a frame, or 1006 and the like; of 16 bits."""
    return type(value) is int and 0 <= value < 2**16


def is_message(value: Any) -> bool:
    """What a WebSocket carries: text or bytes."""
    return type(value) is str or type(value) is bytes


def is_sent(value: Any) -> bool:
    """A message to send, or ``[key, message]`` of which only the newest need be sent."""
    if type(value) is list:
        return len(value) == 2 and type(value[0]) is str and is_message(value[1])
    return is_message(value)


def is_pair_of_texts(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and all(map(is_text, value))


def is_close(value: Any) -> bool:
    """``[code | None, reason]`` of a close frame."""
    if type(value) is not list or len(value) != 2:
        return False
    return (value[0] is None or is_close_code(value[0])) and type(value[1]) is str


def is_numbered_message(value: Any) -> bool:
    """``[sequence number, message]``."""
    if type(value) is not list or len(value) != 2:
        return False
    return is_number(value[0]) and is_message(value[1])


def are_receipts(value: Any) -> bool:
    """``[session, sequence number, session, sequence number, ...]``"""
    return type(value) is list and len(value) % 2 == 0 and all(map(is_number, value))


def or_none(fits: Fits) -> Fits:
    """The field may also be None."""

    def check(value: Any) -> bool:
        return value is None or fits(value)

    return check


def list_of(fits: Fits) -> Fits:
    """A list, maybe empty, each element of which fits."""

    def check(value: Any) -> bool:
        return type(value) is list and all(map(fits, value))

    return check


def tuple_of(*fits: Fits) -> Fits:
    """A list of exactly these."""

    def check(value: Any) -> bool:
        if type(value) is not list or len(value) != len(fits):
            return False
        return all(fit(part) for fit, part in zip(fits, value, strict=True))

    return check


def is_body(value: Any) -> bool:
    """A body: None, all of it, the number of the stream by which it follows, or True: used."""
    return value is None or type(value) is bytes or value is True or is_number(value)


def is_method(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= _METHOD_LENGTH_MAX


def is_redirect(value: Any) -> bool:
    return type(value) is str and value in _REDIRECTS


def is_status(value: Any) -> bool:
    return type(value) is int and _STATUS_MIN <= value <= _STATUS_MAX


def are_header_fields(value: Any) -> bool:
    """``[[name, value], ...]``"""
    if type(value) is not list:
        return False
    for pair in value:  # spelled out, as the two below: every request passes here
        if type(pair) is not list or len(pair) != 2:
            return False
        if type(pair[0]) is not str or type(pair[1]) is not str:
            return False
    return True


is_socket_ref = tuple_of(is_text, is_number, is_number)
"""(slot, generation, number) of a WebSocket that its worker has lent."""


def is_request(value: Any) -> bool:
    """A request as it travels; ``messages`` writes and reads it."""
    if type(value) is not list or len(value) != 8:
        return False
    method, url, fields, client_address, redirect, body, resumed, is_immutable = value
    return (
        is_method(method)
        and type(url) is str
        and are_header_fields(fields)
        and (client_address is None or type(client_address) is str)
        and is_redirect(redirect)
        and is_body(body)
        and type(resumed) is bool
        and type(is_immutable) is bool
    )


def is_response(value: Any) -> bool:
    """A response as it travels."""
    if type(value) is not list or len(value) != 8:
        return False
    status, status_text, fields, body, url, redirected, socket_ref, is_immutable = value
    return (
        is_status(status)
        and type(status_text) is str
        and are_header_fields(fields)
        and is_body(body)
        and type(url) is str
        and type(redirected) is bool
        and (socket_ref is None or is_socket_ref(socket_ref))
        and type(is_immutable) is bool
    )


# What an item of a packed value is; see parcels.py.
OF_SENDER, OF_RECEIVER, OF_ACTOR, OF_STREAM, OF_REQUEST, OF_RESPONSE, OF_SERVICE = range(7)
_ITEMS: dict[int, tuple[Fits, ...]] = {
    OF_SENDER: (is_number,),
    OF_RECEIVER: (is_number,),
    OF_ACTOR: (is_text, is_raw_id, or_none(is_text)),
    OF_STREAM: (is_number,),
    OF_REQUEST: (is_request,),
    OF_RESPONSE: (is_response,),
    OF_SERVICE: (is_text, or_none(is_text), is_bytes),
}


def is_item(value: Any) -> bool:
    """Something that stands beside the bytes of a value."""
    if type(value) is not list or not value or type(value[0]) is not int:
        return False
    fits = _ITEMS.get(value[0])
    if fits is None or len(value) != len(fits) + 1:
        return False
    return all(fit(part) for fit, part in zip(fits, value[1:], strict=True))


def is_packed(value: Any) -> bool:
    """A value as calls carry it: bytes, or ``[bytes, [item, ...]]``."""
    if type(value) is bytes:
        return True
    if type(value) is not list or len(value) != 2 or type(value[0]) is not bytes:
        return False
    return type(value[1]) is list and all(map(is_item, value[1]))
