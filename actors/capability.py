"""What can be called without a name: the seam between stubs and what they lead to."""

from abc import ABC, abstractmethod
from typing import Any

from .events import CallEvent, OnReply


class Capability(ABC):
    """Leads to one object or function, wherever that lives, or to an actor.

    It ends when nobody refers to it any more.
    """

    __slots__ = ("__weakref__",)

    @abstractmethod
    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        """Hand over ``event``; see ``ActorChannel``. Order is kept."""

    def as_stub(self) -> Any:
        """What user code gets for it; None: an ``RpcStub``."""
        return None

    @property
    def owner(self) -> object:
        """The execution of this process whose code it runs; None when it is not here."""
        return None


class Sendable:
    """Base of the stubs: what user code has, and may send on."""

    __slots__ = ()

    def _to_capability(self) -> Capability:
        """What it leads to; for the runtime."""
        raise AssertionError("each stub says so")

    def _member(self, name: str) -> Any:
        """The remote method or attribute of that name, whatever the stub has itself."""
        del name
        raise AssertionError("each stub says so")
