"""Closes WebSockets of an actor's clients.

The actor hears of it as of clients that have closed theirs: its close handlers run, and what they
send to others that are closed, too, goes nowhere. Connections that the actor has opened itself are
let alone.

*Considered and refused*: closing them as the actor's own code would. A handler that tells all the
others who has left, as chats do, would then meet sockets that it seems to have closed itself.
"""

from dataclasses import dataclass

from ....actors.errors import InvalidClose
from ....actors.session import POLICY_VIOLATION, check_close
from .errors import OperatorError
from .house import House, Told, Values
from .naming import address

REASON = "closed by the operator"


@dataclass(frozen=True, slots=True)
class KickArguments:
    """Whose sockets are to be closed, and how.

    Attributes:
        namespace: A class, binding or unique key.
        name: The actor's name, or None.
        id: Its id, or None.
        tag: Only those that ``accept_web_socket`` was given this tag for; None for all.
        code: Of the close frame.
        reason: Likewise.
    """

    namespace: str
    name: str | None = None
    id: str | None = None
    tag: str | None = None
    code: int = POLICY_VIOLATION
    reason: str = REASON


async def kick(house: House, arguments: KickArguments, told: Told) -> Values:
    """Close connections of an actor's clients, whether it is in memory or not.

    Returns:
        ``namespace``, ``id``, ``name``, and ``closed``: how many. One that is closing already does
        not count.

    Raises:
        OperatorError: The code or the reason cannot be sent, or no server runs.
    """
    del told
    if not house.is_serving:
        raise OperatorError(f"No server runs on {house.layout.root}", "So there is no client")
    try:
        check_close(arguments.code, arguments.reason)
    except InvalidClose as error:
        hint = "Give 1000 to 4999, but for 1004, 1005, 1006 and 1015, and a short reason"
        raise OperatorError(str(error), hint) from error
    found = await address(house, arguments.namespace, arguments.name, arguments.id)
    registry = house.host.namespaces.get(found.unique_key)
    closed = 0
    if registry is not None:
        actor = registry.live.get(found.id.raw)
        sessions = (
            registry.hibernated.sessions_of(found.id.raw) if actor is None else actor.sessions
        )
        if sessions is not None:
            closed = sessions.dismiss(arguments.code, arguments.reason, arguments.tag)
    return {
        "namespace": found.namespace.class_name,
        "id": str(found.id),
        "name": found.id.name,
        "closed": closed,
    }
