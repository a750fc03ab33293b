"""Actors of a namespace that are not in memory while WebSockets of theirs are open."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...actors.actor import Actor
from ...actors.events import Delivered, OnReply, SocketEvent
from ...actors.hibernated_socket import HibernatedSocket
from ...actors.ids import DurableObjectId
from ...actors.session import INTERNAL_ERROR
from ...actors.sessions import Sessions

log = logging.getLogger("perdure.host")


@dataclass(frozen=True, slots=True)
class _Hibernated:
    actor_id: DurableObjectId
    sessions: Sessions[Any]


@dataclass(frozen=True, slots=True)
class Waker:
    """Wakes an actor for one of its sockets.

    Attributes:
        actor_id: Whose sockets they are.
    """

    actors: "HibernatedActors"
    actor_id: DurableObjectId

    def __call__(self, socket: HibernatedSocket) -> None:
        self.actors.wake(self.actor_id, socket)


class HibernatedActors:
    """By their raw ids: what is left of them, and how they wake.

    What is heard wakes an actor like any other event: it waits while the actor's file changes,
    and where the actor cannot be started, its sessions end with 1011.
    """

    __slots__ = ("_actors", "_deliver")

    def __init__(self, deliver: Callable[[DurableObjectId, Delivered, OnReply], None]) -> None:
        self._deliver = deliver
        self._actors: dict[bytes, _Hibernated] = {}

    def __len__(self) -> int:
        return len(self._actors)

    def __contains__(self, raw_id: bytes) -> bool:
        return raw_id in self._actors

    @property
    def sessions_count(self) -> int:
        """How many sockets they hold."""
        return sum(len(slept.sessions) for slept in self._actors.values())

    def names(self) -> list[str]:
        """Names of the actors, as far as they are known."""
        names = [slept.actor_id.name for slept in self._actors.values()]
        return [name for name in names if name is not None]

    def add(self, actor: Actor) -> None:
        """``actor`` has left memory."""
        self._actors[actor.id.raw] = _Hibernated(actor.id, actor.sessions)

    def adopt(
        self, actor_id: DurableObjectId, socket: HibernatedSocket, auto: tuple[str, str] | None
    ) -> None:
        """Have a socket of an actor that is not in memory, whose last process has gone."""
        slept = self._actors.get(actor_id.raw)
        if slept is None:
            slept = self._actors[actor_id.raw] = _Hibernated(actor_id, Sessions())
        slept.sessions.add(socket)
        slept.sessions.auto_response = auto

    def sessions_of(self, raw_id: bytes) -> Sessions[Any] | None:
        """Return the sessions of an actor that is not in memory; None if it has none."""
        slept = self._actors.get(raw_id)
        return None if slept is None else slept.sessions

    def take(self, actor_id: DurableObjectId) -> tuple[DurableObjectId, Sessions[Any] | None]:
        """Return what an actor that starts goes on with: its id, with its name, and its sessions.

        The sessions are None if it had none.
        """
        slept = self._actors.pop(actor_id.raw, None)
        if slept is None:
            return actor_id, None
        return slept.actor_id if actor_id.name is None else actor_id, slept.sessions

    def wake(self, actor_id: DurableObjectId, socket: HibernatedSocket) -> None:
        """One of the sockets has heard something."""

        def on_reply(answer: None, failure: bytes | None) -> None:
            del answer
            if failure is not None:
                log.warning("actor.not_woken", extra={"actor": str(actor_id)})
                reason = "the actor of this connection cannot be started"
                self.sever(actor_id.raw, INTERNAL_ERROR, reason)

        self._deliver(actor_id, SocketEvent(socket.id), on_reply)

    def sever(self, raw_id: bytes, code: int, reason: str) -> None:
        """End all sessions of an actor; of one that has none nothing happens."""
        slept = self._actors.pop(raw_id, None)
        if slept is not None:
            slept.sessions.sever(reason, code)

    def sever_all(self, code: int, reason: str) -> None:
        """Likewise, of all actors."""
        for raw_id in list(self._actors):
            self.sever(raw_id, code, reason)
