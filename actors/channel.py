"""The two joints between an actor and everything that is not an actor.

``ActorChannel`` leads to actors, wherever they live: in this process, another one, another
machine. ``Outbound`` leads to the network.
"""

from typing import Protocol

from .events import Delivered, OnReply
from .http import Request
from .ids import DurableObjectId


class ActorChannel(Protocol):
    """Carries events to actors of one namespace or of all."""

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        """Hand over ``event``; events handed over in order arrive in order.

        ``on_reply`` is called exactly once, possibly before this returns, with the answer or
        the encoded failure.
        """
        ...


class Outbound(Protocol):
    """Sends requests of user code to the network."""

    def fetch(self, request: Request, on_reply: OnReply) -> None:
        """Send ``request``; ``on_reply`` gets the Response, or the encoded failure."""
        ...
