"""Long work in small steps: generators, so that nobody waits while a large file is read.

Such a generator yields ``AGAIN`` when others shall have a turn, or ``WAIT`` until more may be
sent, more has come, or the work is cancelled (then it is closed where it stands). What it returns
is the answer; ``OSError`` and ``Refused`` become an error.
"""

from collections.abc import Callable, Generator
from typing import Any, Final

from ..reactor import Reactor
from ..streams import Exchange, Json, Refused
from .refusals import refusal

AGAIN: Final = True
WAIT: Final = False

Steps = Generator[bool, None, Json]


class Task:
    """One request that is being worked on."""

    def __init__(self, reactor: Reactor, exchange: Exchange, steps: Steps) -> None:
        self._reactor = reactor
        self._exchange = exchange
        self._steps = steps
        self._is_waiting = False
        exchange.on_room = self.wake
        exchange.on_end = self.wake
        exchange.on_cancel = self._cancel
        self._step()

    def wake(self) -> None:
        """Look again whether there is something to do."""
        if self._is_waiting:
            self._is_waiting = False
            self._reactor.call_soon(self._step)

    def _step(self) -> None:
        if not self._exchange.is_open:
            return
        try:
            if next(self._steps) is AGAIN:
                self._reactor.call_soon(self._step)
            else:
                self._is_waiting = True
        except StopIteration as end:
            self._exchange.answer(end.value)
        except Refused as refused:
            self._exchange.refuse(refused)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else ""
            self._exchange.refuse(refusal(error, path))
        except Exception as error:  # a tree too deep, a bug: one request's, not the sandbox's end
            text = f"{type(error).__name__}: {error}"
            self._exchange.refuse(Refused("INTERNAL_ERROR", text))

    def _cancel(self) -> None:
        self._steps.close()
        self._exchange.interrupted()


def until_room(exchange: Exchange) -> Generator[bool, None, int]:
    """Wait until something may be sent; return how much."""
    while not exchange.room:
        yield WAIT
    return exchange.room


def send_all(exchange: Exchange, data: bytes) -> Generator[bool, None, None]:
    """Send as much as there is, as fast as the other side takes it."""
    start = 0
    while start < len(data):
        room = yield from until_room(exchange)
        exchange.send(data[start : start + room])
        start += room


Operation = Callable[[Any, Exchange], Steps]
