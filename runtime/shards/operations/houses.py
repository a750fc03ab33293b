"""The data of a server of several processes, as the operator's operations find it.

Each worker has a ``House`` of its own actors; this stands for all of them in the supervisor's
process, which has the directory and the catalog, and no actor.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ....storage.layout import Layout
from ...control.protocol import OperationFailed
from ...host.operations.errors import ActorElsewhere
from ...host.operations.house import Told, Values
from ...host.operations.naming import address
from ..placement import Placement
from ..supervisor.places import Place, Role
from .errors import moving
from .lines import Lines
from .merging import Ask

# So often, and so long apart, the worker of an actor is looked for while placement changes.
_TRIES = 20
_AGAIN_S = 0.25


@dataclass(slots=True)
class Houses:
    """All workers' data. Is a ``Named``.

    Attributes:
        layout: Where things lie; the directory is locked.
        bindings: Name of a binding to the unique key of its namespace; others after a reload.
        placement: Which worker has an actor; another one when there are more or fewer.
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

    async def by_owner(self, name: str, arguments: Any, told: Told) -> Values:
        """Have an operation done by the worker that has the one actor that it is about.

        Raises:
            OperatorError: There is no such namespace, or the id is none of it.
            OperationFailed: It was not done, or it is not known whether it was.
        """
        for _ in range(_TRIES):
            slot = await self.slot_of(arguments.namespace, arguments.name, arguments.id)
            try:
                return await self.worker(slot, name, arguments)(told)
            except OperationFailed as error:  # the actor has changed hands
                if error.failure.kind != ActorElsewhere.__name__:
                    raise
            await asyncio.sleep(_AGAIN_S)
        raise moving()

    def is_serving(self, slot: str) -> bool:
        """Say whether the worker of a slot can be asked now."""
        return self.lines.is_serving(Place(Role.WORKER, slot))
