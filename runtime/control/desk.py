"""Where an operator's question is answered: by an operation on the server itself, or on its data.

Operations on data are those of runtime/host/operations/table.py. One on the server itself, as
``processes`` or ``drain``, is added by the composition root that can carry it out, which makes it
known to every command at once::

    @dataclass(frozen=True, slots=True)
    class ResizeArguments:
        workers: int

    class SupervisedServer:
        async def _resize(self, arguments: ResizeArguments, told: Told) -> Values:
            await told.progress("Moving objects", 0, None)  # if it takes long
            ...
            return {"workers": arguments.workers}  # what msgpack has a form for

    server.desk.add("resize", ResizeArguments, server._resize)

The command then says ``await asking.run("resize", ResizeArguments(4))`` in a conversation of
``Where.operate(talk, needs_server=True)`` (cli/operating.py). What cannot be done is an
``OperatorError``; any other PerdureError is told, too. Who asked may go away (Ctrl-C): the
operation is cancelled then, so what must come to its end is shielded.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ..host.operations.errors import OperatorError
from ..host.operations.house import House, Told, Values
from ..host.operations.table import ANOTHER_VERSION, OPERATIONS, run

# Carries out an operation of a name: on the data, wherever that is.
OnData = Callable[[str, Values, Told], Awaitable[Values]]


def _nobody() -> None:
    """Nobody reads along."""


@dataclass(frozen=True, slots=True)
class _Own:
    arguments: type[Any]
    run: Callable[[Any, Told], Awaitable[Values]]
    is_given_up: bool


@dataclass(slots=True)
class Desk:
    """What one process can be asked for.

    Attributes:
        on_data: Carries out what is no operation of the server itself.
        end_readers: Has those end that would go on for ever, for the server goes.
    """

    on_data: OnData
    end_readers: Callable[[], None] = _nobody
    _own: dict[str, _Own] = field(default_factory=dict)

    @classmethod
    def of(cls, house: House) -> "Desk":
        """The desk of a process that has actors."""

        def on_data(name: str, arguments: Values, told: Told) -> Awaitable[Values]:
            return run(house, name, arguments, told)

        return cls(on_data, house.end_readers)

    def add(
        self,
        name: str,
        arguments: type[Any],
        work: Callable[[Any, Told], Awaitable[Values]],
        *,
        is_given_up: bool = False,
    ) -> None:
        """Have an operation on the server itself.

        Args:
            name: What it is asked for as.
            arguments: The dataclass of its arguments.
            work: The coroutine function; given an instance of that, and who asked.
            is_given_up: See ``Operation``.
        """
        assert name not in self._own, "it is there already"
        self._own[name] = _Own(arguments, work, is_given_up)

    def gives_up(self, name: str) -> bool:
        """Say whether an operation is given up when its process is to end."""
        known = self._own.get(name) or OPERATIONS.get(name)
        return known is not None and known.is_given_up

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        """Carry out an operation; ``arguments`` are the fields of its class of arguments.

        Raises:
            OperatorError: There is no such operation, it has no such arguments, or it was refused.
            PerdureError: It failed.
        """
        own = self._own.get(name)
        if own is None:
            return await self.on_data(name, arguments, told)
        try:
            given = own.arguments(**arguments)
        except TypeError as error:
            problem = f'"{name}" does not take that: {error}'
            raise OperatorError(problem, ANOTHER_VERSION) from error
        return await own.run(given, told)
