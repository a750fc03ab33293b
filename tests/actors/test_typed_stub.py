"""What is for type checkers changes nothing at run time."""

from perdure import DurableObject, DurableObjectNamespace
from perdure.actors.typed_stub import remote, remote_function


class Room(DurableObject):
    async def join(self, name: str) -> int:
        return len(name)

    @staticmethod
    def version() -> int:
        return 1


def test_a_method_stays_what_it_is() -> None:
    assert remote(Room.join) is Room.join  # type: ignore[comparison-overlap]  # to a checker it is another
    assert remote_function(Room.version) is Room.version  # type: ignore[comparison-overlap]  # likewise


def test_a_namespace_in_brackets_is_the_same_class() -> None:
    assert DurableObjectNamespace[Room].__origin__ is DurableObjectNamespace  # type: ignore[attr-defined]  # typing's own
