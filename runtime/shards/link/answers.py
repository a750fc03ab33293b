"""Calls that have no answer yet, at both ends of a link, and answers that may be called on."""

from collections.abc import Callable
from typing import Any

from ....actors.events import CallEvent, OnReply
from ....actors.http import Response
from ....actors.parcel import Parcel
from ....actors.promise import deliver_on
from ....actors.rpc import encode_error
from ....actors.rpc_stub import peek


class Waiting:
    """A call of ours that has no answer yet.

    Attributes:
        on_reply: Who waits.
        is_fetch: It is answered with a response.
        stream: The number of its body, if that is a stream.
        otherwise: Called instead of ``on_reply`` when the call that this one is on was answered
            before, and with nothing that can be called.
    """

    __slots__ = ("is_fetch", "on_reply", "otherwise", "stream")

    def __init__(self, on_reply: OnReply, *, is_fetch: bool) -> None:
        self.on_reply = on_reply
        self.is_fetch = is_fetch
        self.stream: int | None = None
        self.otherwise: Callable[[], None] | None = None


class Answer:
    """The ``on_reply`` of a call of theirs.

    Attributes:
        is_given: It has been answered.
        event: The call; None of a request.
        held: Calls on the answer, until it is given, and who gets theirs.
        value: The answer, if there is something in it that can be called.
    """

    __slots__ = ("_answered", "event", "held", "is_fetch", "is_given", "number", "value")

    def __init__(
        self,
        answered: "Callable[[Answer, Any, bytes | None], None]",
        number: int,
        *,
        is_fetch: bool,
    ) -> None:
        self._answered = answered
        self.number = number
        self.is_fetch = is_fetch
        self.is_given = False
        self.event: CallEvent | None = None
        self.held: list[tuple[CallEvent, OnReply]] = []
        self.value: Parcel | None = None

    def __call__(self, value: Any, failure: bytes | None) -> None:
        assert not self.is_given, "a call is answered once"
        self.is_given = True
        self._answered(self, value, failure)

    def call(self, event: CallEvent, on_reply: OnReply) -> None:
        """Have ``event`` done with the answer, once it is given."""
        if self.value is None:
            self.held.append((event, on_reply))
        else:
            deliver_on(peek(self.value), event, on_reply)

    def give(self, value: Any, failure: bytes | None) -> None:
        """It has left: do what was called on it."""
        held, self.held = self.held, []
        for event, on_reply in held:
            if failure is None:
                deliver_on(peek(value), event, on_reply)
            else:
                on_reply(None, failure)

    def give_up(self) -> None:
        """Nobody waits for it."""
        if self.event is not None and self.event.route is not None:
            self.event.route.give_up()

    def on_response(self, response: Response | None, error: BaseException | None) -> None:
        """As the entrypoint answers."""
        self(response, None if error is None else encode_error(error))
