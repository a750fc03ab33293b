"""A router's events for whoever follows the server: requests, and messages of clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..storage.errors import InternalError
from ..storage.layout import Layout
from .host.operations.house import Told, Values
from .host.operations.tailing import TailArguments, tail
from .observe.stream import Reader


@dataclass(frozen=True, slots=True)
class RouterTail:
    """What a router knows that reads along. Is a ``Followed``, and its ``run`` a desk's ``OnData``.

    Attributes:
        layout: Where the catalog is, which has the names of namespaces.
        bindings: Name of a binding to the unique key of its namespace.
        is_serving: It does.
        readers: Who reads along; they end with the router.
    """

    layout: Layout
    bindings: Mapping[str, str]
    is_serving: bool = True
    readers: set[Reader] = field(default_factory=set)

    def owns(self, unique_key: str, raw_id: bytes) -> bool:
        """It has connections, of any actor's."""
        del unique_key, raw_id
        return True

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        """Carry out an operation on data; there is none but ``tail``.

        Raises:
            OperatorError: What is wanted cannot be.
        """
        if name != "tail":
            raise InternalError(f"a router has no data to do {name!r} with")
        return await tail(self, TailArguments(**arguments), told)

    def end_readers(self) -> None:
        """Tell those who read along that nothing more happens here."""
        for reader in list(self.readers):
            reader.end()
