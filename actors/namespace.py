"""Namespaces: all actors of one class, as a binding."""

from typing import TYPE_CHECKING, Generic

from .channel import ActorChannel
from .ids import DurableObjectId, IdFactory, InvalidActorId
from .limits import ActorLimits
from .stub import DurableObjectStub

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # with a default, which typing's has from 3.13 on

    Seen = TypeVar("Seen", default=DurableObjectStub)
else:
    from typing import TypeVar

    Seen = TypeVar("Seen")


class DurableObjectNamespace(Generic[Seen]):
    """All actors of one class: makes ids, and stubs for them.

    ``env.ROOM.get_by_name("42")`` is ``env.ROOM.get(env.ROOM.id_from_name("42"))``.

    Type checkers see stubs as what stands in brackets: ``DurableObjectNamespace[Room]`` knows the
    class's methods as they are written, ``DurableObjectNamespace[RoomStub]``, with a class that
    ``perdure types`` has written, as a stub has them (docs/decisions/0020-typed-stubs.md). At run
    time it makes no difference.
    """

    __slots__ = ("_channel", "_ids", "_limits", "binding")

    def __init__(
        self, binding: str, ids: IdFactory, channel: ActorChannel, limits: ActorLimits
    ) -> None:
        self.binding = binding
        self._ids = ids
        self._channel = channel
        self._limits = limits

    def __repr__(self) -> str:
        return f"<DurableObjectNamespace {self.binding}>"

    def id_from_name(self, name: str) -> DurableObjectId:
        """The id that belongs to ``name``: always the same one."""
        return self._ids.id_from_name(name)

    def id_from_string(self, text: str) -> DurableObjectId:
        """The id that ``str(id)`` gave.

        Raises:
            InvalidActorId: Not an id, or one of another namespace.
        """
        return self._ids.id_from_string(text)

    def new_unique_id(self) -> DurableObjectId:
        """An id that nobody has, for an actor without a name."""
        return self._ids.new_unique_id()

    def get(self, actor_id: DurableObjectId) -> Seen:
        """A stub for the actor; nothing is sent.

        Raises:
            InvalidActorId: Not an id, or one of another namespace.
        """
        if not isinstance(actor_id, DurableObjectId):
            raise InvalidActorId(
                "Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type "
                f"'DurableObjectId' but {type(actor_id).__name__}; id_from_string() makes one "
                "out of a string"
            )
        self._ids.check_belongs(actor_id)
        return DurableObjectStub(actor_id, self._channel, self._limits)  # type: ignore[return-value]  # as it is seen

    def get_by_name(self, name: str) -> Seen:
        """A stub for the actor of that name; nothing is sent."""
        return DurableObjectStub(self._ids.id_from_name(name), self._channel, self._limits)  # type: ignore[return-value]  # as it is seen
