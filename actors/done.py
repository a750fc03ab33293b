"""What storage calls return: a value that is already there, to be awaited."""

from collections.abc import Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Done(Generic[T]):
    """Gives ``value`` when awaited, without suspending.

    Storage does its work when it is called, so ``storage.put(...)`` need not be awaited, and
    awaiting it lets nothing else in between.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, T]:
        return self.value
        yield  # never reached; it makes this a generator
