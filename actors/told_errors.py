"""Errors that handlers have raised, as those who watch and count hear of them."""

from typing import Protocol

from .counters import counters
from .ids import DurableObjectId
from .watch import watch


class Owner(Protocol):
    """An actor, or a Worker."""

    @property
    def actor_id(self) -> DurableObjectId | None:
        """None for a Worker."""
        ...


def tell_of_error(owner: Owner, kind: str, error: BaseException, handler: str = "") -> None:
    """Count a handler's error, and tell of it.

    Args:
        owner: Whose handler it is.
        kind: ``fetch``, ``scheduled``, ``call``, ``alarm``, ``message``, ``close``, ``listener``,
            ``constructor`` or ``wait_until``.
        error: What it has raised.
        handler: The method's name; "" if that is the kind.
    """
    actor_id = owner.actor_id
    counters.raised("" if actor_id is None else actor_id.unique_key, kind)
    if watch.tell is not None:
        watch.tell("error", actor_id, {"handler": handler or kind, "exception": error})
