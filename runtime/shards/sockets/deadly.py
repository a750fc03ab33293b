"""A message over which one process after another has died: what operator and client hear."""

import logging
from typing import Any

from ....actors.http import Request

log = logging.getLogger("perdure.sockets")

# A reason has at most 123 bytes (RFC 6455, section 5.5); what is cut here is ASCII.
_WHOSE_LENGTH_MAX = 60


def report_deadly(kept: list[Any] | None, request: Request | None, deaths: int) -> str:
    """Log whose code the message was for; return the reason for the client's close frame.

    Args:
        kept: What the actor has said to make the socket from again, as HIBERNATABLE has it; None
            for a socket whose actor nobody but its process knew.
        request: How the client has asked for the socket.
        deaths: How many processes in a row had the message and died.
    """
    fields: dict[str, object] = {"deaths": deaths}
    if request is not None:
        fields["url"] = request.url.partition("?")[0]  # what follows may be a secret
    if kept is None:
        handler = whose = "a message listener"
    else:
        unique_key, raw_id, name = kept[:3]
        handler = "web_socket_message"
        whose = f"{handler} of {unique_key.encode('ascii', 'replace').decode()[:_WHOSE_LENGTH_MAX]}"
        fields["namespace"] = unique_key
        fields["actor"] = raw_id.hex() if name is None else name
    log.error("websocket.message.deadly", extra=fields | {"handler": handler})
    return f"{deaths} processes in a row have died in {whose}"
