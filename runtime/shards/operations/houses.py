"""The data of a server of several processes, as the operator's operations find it.

Each worker has a ``House`` of its own actors; this stands for all of them in the supervisor's
process, which has the directory and the catalog, and no actor.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ....storage.layout import Layout
from ...host.operations.errors import OperatorError
from ...host.operations.house import Told, Values
from ...host.operations.listing import ListArguments
from ...host.operations.naming import address, find_namespace, namespaces_of
from ...host.operations.removing import ListDeletedArguments, list_deleted
from ...host.operations.table import understood
from ..placement import Placement
from ..supervisor.places import Place, Role
from .lines import Lines
from .merging import Ask, in_order


@dataclass(slots=True)
class Houses:
    """All workers' data. Is a ``Named``, and its ``run`` a desk's ``OnData``.

    Attributes:
        layout: Where things lie; the directory is locked.
        bindings: Name of a binding to the unique key of its namespace.
        placement: Which worker has an actor; another one when that changes.
        lines: To the workers.
    """

    layout: Layout
    bindings: Mapping[str, str]
    placement: Placement
    lines: Lines

    def owns(self, unique_key: str, raw_id: bytes) -> bool:
        """Any actor is one of this server's."""
        del unique_key, raw_id
        return True

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        """Carry out an operation on the data; see ``table.run``.

        Raises:
            OperatorError: There is no such operation, it has no such arguments, or it was refused.
            PerdureError: It failed.
        """
        _, given = understood(name, arguments)
        if name in _OF_ONE_PROCESS:
            hint = "Stop the server, or have it run in one process, and ask again"
            raise OperatorError(f'"{name}" cannot be asked of several processes', hint)
        way = _WAYS.get(name)
        if way is None:
            return await self._by_owner(name, given, told)
        return await way(self, given, told)

    def worker(self, slot: str, name: str, arguments: Any) -> Ask:
        """Return what has the worker of a slot do an operation."""
        return partial(self.lines.ask, Place(Role.WORKER, slot), name, asdict(arguments))

    def all_workers(self, name: str, arguments: Any) -> list[Ask]:
        """Likewise, of all of them."""
        return [self.worker(slot, name, arguments) for slot in self.placement.slots]

    async def slot_of(self, namespace: str, name: str | None, id_text: str | None) -> str:
        """Return which worker has the actor that is meant.

        Raises:
            OperatorError: There is no such namespace, or the id is none of it.
        """
        found = await address(self, namespace, name, id_text)
        return self.placement.slot_of(found.unique_key, found.id.raw)

    async def _by_owner(self, name: str, given: Any, told: Told) -> Values:
        """Have the worker do it that has the one actor that it is about."""
        slot = await self.slot_of(given.namespace, given.name, given.id)
        return await self.worker(slot, name, given)(told)


Way = Callable[[Houses, Any, Told], Awaitable[Values]]


async def _list(houses: Houses, arguments: ListArguments, told: Told) -> Values:
    """All tell of theirs, in the order of namespaces and ids; see ``list_actors``."""
    if arguments.namespace is None:
        records = await namespaces_of(houses)
    else:
        records = [await find_namespace(houses, arguments.namespace)]
    places = {record.unique_key: place for place, record in enumerate(records)}
    count, has_more = 0, False

    async def hand_on(item: Values) -> bool:
        nonlocal count, has_more
        if count == arguments.limit:
            has_more = True
            return False
        await told.item(item)
        count += 1
        return True

    def key(item: Values) -> tuple[int, str]:
        return places.get(item["unique_key"], len(places)), item["id"]

    asks = houses.all_workers("list", arguments)
    results = await in_order(asks, told, key, hand_on)
    has_more = has_more or any(result["has_more"] for result in results)
    return {"count": count, "has_more": has_more}


async def _deleted(houses: Houses, arguments: ListDeletedArguments, told: Told) -> Values:
    """The trash is nobody's in particular."""
    return await list_deleted(houses, arguments, told)


_OF_ONE_PROCESS = frozenset({"fork", "backup", "verify", "tail", "doctor"})
_WAYS: Mapping[str, Way] = {"list": _list, "deleted": _deleted}
