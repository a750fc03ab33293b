"""Whether an actor's storage may be used from where it is asked for."""

import threading

from .actor import Actor
from .errors import StorageAccess
from .execution import CURRENT
from .lifecycle import GONE


def check_access(actor: Actor) -> None:
    """Raise unless code of ``actor`` is running right now.

    Raises:
        StorageAccess: From another thread or actor, from outside of a handler, or after the
            actor was reset or has left memory.
    """
    if (
        actor.turn is not None
        and CURRENT.get() is actor
        and actor.stage not in GONE
        and threading.get_ident() == actor.thread
    ):
        return
    raise StorageAccess(_why_not(actor))


def _why_not(actor: Actor) -> str:
    if actor.stage in GONE:
        return (
            "this storage belongs to an instance that is gone: the actor was reset or left "
            "memory. Nothing was read or written; use self.ctx.storage of the new instance"
        )
    if threading.get_ident() != actor.thread:
        return (
            "storage was used from another thread; it belongs to the thread of its actor. "
            "Do the slow part in the thread, and the storage calls in the handler"
        )
    if CURRENT.get() is not actor:
        return (
            f"storage of actor {actor.id.name or actor.id} was used from outside of it. "
            "An actor's storage is its own: call one of its methods instead"
        )
    return (
        "storage was used from a callback of the event loop, which no gate can hold back. "
        "Use a task (asyncio.create_task) instead"
    )
