import socket
from collections.abc import Callable, Iterator

import pytest

from perdure.runtime.sandbox.agent.tasks import AGAIN, WAIT, Steps, Task, send_all
from perdure.runtime.sandbox.channel import Channel
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import AnswerSide, AskSide, Exchange, Json, Question, Refused


class Worked:
    """A request that is worked on in steps, and who asked."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.answer: Json = {}
        self.steps: list[str] = []
        self.data = b""
        near, far = socket.socketpair()
        self.near = Channel(near, self.reactor, on_frame=self._asker, on_lost=lambda _: None)
        self.far = Channel(far, self.reactor, on_frame=self._answerer, on_lost=lambda _: None)
        self.asking = AskSide(self.near)

    def run(self, work: Callable[[Exchange], Steps], *, is_cancelled: bool = False) -> Json:
        def begin(exchange: Exchange) -> None:
            Task(self.reactor, exchange, work(exchange))

        self.answering = AnswerSide(self.far, begin)
        question = self.asking.ask({}, self._answered)
        question.on_data = lambda _, data: self._take(question, data)
        if is_cancelled:
            question.cancel()
        self.reactor.run()
        return self.answer

    def _take(self, question: Question, data: bytes) -> None:
        self.data += data
        question.consumed(len(data) + 128)

    def _answered(self, answer: Json, _: int) -> None:
        self.answer = answer
        self.reactor.stop()

    def _asker(self, kind: int, number: int, payload: bytes) -> None:
        self.asking.frame(kind, number, payload)

    def _answerer(self, kind: int, number: int, payload: bytes) -> None:
        self.answering.frame(kind, number, payload)


@pytest.fixture
def worked() -> Iterator[Worked]:
    worked = Worked()
    yield worked
    worked.near.close()
    worked.far.close()
    worked.reactor.close()


def test_what_the_steps_return_is_the_answer(worked: Worked) -> None:
    def work(exchange: Exchange) -> Steps:
        yield from send_all(exchange, bytes(range(256)) * 4000)
        yield AGAIN
        return {"done": True}

    assert worked.run(work) == {"done": True}
    assert worked.data == bytes(range(256)) * 4000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("MINE", "No"), "MINE"),
        (FileNotFoundError(2, "x", "/a"), "FILE_NOT_FOUND"),
        (RecursionError("too deep"), "INTERNAL_ERROR"),
        (KeyError("a bug"), "INTERNAL_ERROR"),
    ],
)
def test_what_they_raise_is_an_error(worked: Worked, error: Exception, code: str) -> None:
    def work(_: Exchange) -> Steps:
        yield AGAIN
        raise error

    assert worked.run(work)["error"]["code"] == code


def test_when_it_is_cancelled_they_are_closed_where_they_stand(worked: Worked) -> None:
    def work(_: Exchange) -> Steps:
        try:
            yield WAIT
        finally:
            worked.steps.append("closed")
        return {}

    assert worked.run(work, is_cancelled=True)["error"]["code"] == "OPERATION_INTERRUPTED"
    assert worked.steps == ["closed"]
