"""The keeper's way to its agent, which may be in the hands of whoever is inside.

*Promise*: of what the agent says nothing is believed: frames are bounded and typed, a window is a
window, one event for each request is all there is, and an agent that does not answer at all is
found out. Whatever is wrong ends the sandbox, with the reason.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..channel import Channel
from ..reactor import Reactor
from ..streams import AskSide, Json, Question, nothing
from ..wire import Garbled

EVENTS_MAX: Final = 1  # of one request: a process's number, a file's size


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an agent may say nothing.

    Attributes:
        ping_s: So often it is asked whether it is there, if it has not said anything since.
        silent_s: After so long it is taken for lost.
        killing_s: So long what it was to kill may take to be gone.
    """

    ping_s: float = 10.0
    silent_s: float = 60.0
    killing_s: float = 10.0


class AgentLink:
    """One agent.

    Args:
        connection: Leads there.
        reactor: Where it runs.
        on_lost: Told why it is no more; None when it just ended.
        patience: See there.
    """

    def __init__(
        self,
        connection: socket.socket,
        reactor: Reactor,
        *,
        on_lost: Callable[[str | None], None],
        patience: Patience,
    ) -> None:
        self._reactor = reactor
        self.patience = patience
        self._heard_s = time.monotonic()
        self._on_lost = on_lost
        self._channel = Channel(
            connection,
            reactor,
            on_frame=self._frame,
            on_lost=on_lost,
            descriptors_max=1,
        )
        self._side = AskSide(self._channel, self._noticed)
        self._timer = reactor.call_later(patience.ping_s, self._ping)

    def ask(
        self,
        request: Json,
        on_answer: Callable[[Json, int], None],
        on_event: Callable[[Json], None] = nothing,
    ) -> Question:
        """Ask for something."""
        question = self._side.ask(request, on_answer)
        events = 0

        def told(event: Json) -> None:
            nonlocal events
            events += 1
            if events > EVENTS_MAX:
                raise Garbled("more events than one for a request")
            on_event(event)

        question.on_event = told
        return question

    def close(self, answer: Json) -> None:
        """End it, and answer what was asked and is not answered yet."""
        self._timer.cancel()
        self._channel.close()
        self._side.lost(answer)

    def lose(self, why: str) -> None:
        """End it because it cannot be trusted."""
        self._channel.lose(why)

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self._heard_s = time.monotonic()
        self._side.frame(kind, number, payload)

    def _noticed(self, notice: Json) -> None:
        del notice
        raise Garbled("it speaks without having been asked")

    def _ping(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if silent_s >= self.patience.silent_s:
            self.lose(f"it has not answered for {silent_s:.0f} s")
            return
        if silent_s >= self.patience.ping_s:
            self._side.ask({"op": "ping"}, _forget)
        self._timer = self._reactor.call_later(self.patience.ping_s, self._ping)


def _forget(answer: Json, descriptor: int) -> None:
    """It was asked only so that it says something."""
    del answer
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
