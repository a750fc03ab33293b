"""A message over which one process after another has died: what operator and client hear."""

import logging
from typing import Any, Protocol

from ....actors.http import Request

log = logging.getLogger("perdure.sockets")

# A reason has at most 123 bytes (RFC 6455, section 5.5); what is cut here is ASCII.
_WHOSE_LENGTH_MAX = 60


class Deadly(Protocol):
    """The socket: is ``HeldSocket``."""

    kept: list[Any] | None
    whose: list[Any] | None
    request: Request | None


def report_deadly(held: Deadly, deaths: int) -> str:
    """Log whose code the message was for; return the reason for the client's close frame.

    Args:
        held: The socket over which it came.
        deaths: How many processes in a row had the message and died.
    """
    request, whose = held.request, held.whose
    handler = text = "a message listener" if held.kept is None else "web_socket_message"
    fields: dict[str, object] = {"deaths": deaths}
    if request is not None:
        fields["url"] = request.url.partition("?")[0]  # what follows may be a secret
    if whose is not None:
        unique_key, raw_id, name = whose[:3]
        text = f"{handler} of {unique_key.encode('ascii', 'replace').decode()[:_WHOSE_LENGTH_MAX]}"
        fields["namespace"] = unique_key
        fields["actor"] = raw_id.hex() if name is None else name
    log.error("websocket.message.deadly", extra=fields | {"handler": handler})
    return f"{deaths} processes in a row have died in {text}"
