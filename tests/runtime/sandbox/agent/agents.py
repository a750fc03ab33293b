"""An agent without a keeper: the real program, and who asks it on a reactor of the test's."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from perdure.runtime.sandbox.agent.bundle import agent_program
from perdure.runtime.sandbox.channel import Channel
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import AskSide, Json, Question
from perdure.runtime.sandbox.wire import cost


class AgentProcess:
    """One agent."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        program = folder / "agent.pyc"
        program.write_bytes(agent_program())
        self.reactor = Reactor()
        near, far = socket.socketpair()
        self.popen = subprocess.Popen(
            [sys.executable, "-I", "-S", program, str(far.fileno()), self.workspace],
            pass_fds=[far.fileno()],
            env={"PATH": "/usr/bin:/bin"},
            stderr=subprocess.PIPE,
        )
        far.close()
        self.why: list[str | None] = []
        self.channel = Channel(
            near, self.reactor, on_frame=self._frame, on_lost=self._lost, descriptors_max=1
        )
        self.side = AskSide(self.channel)

    def ask(
        self, request: Json, set_up: Callable[[Question], None] = lambda _: None
    ) -> tuple[Json, list[tuple[int, bytes]], list[Json]]:
        """The answer, and the raw bytes and events before it."""
        answers, raw, events = list[Json](), list[tuple[int, bytes]](), list[Json]()

        def answered(answer: Json, _: int) -> None:
            answers.append(answer)
            self.reactor.stop()

        question = self.side.ask(request, answered)

        def came(kind: int, data: bytes) -> None:
            raw.append((kind, data))
            question.consumed(cost(len(data)))

        question.on_data = came
        question.on_event = events.append
        set_up(question)
        self.reactor.is_stopped = False
        self.reactor.run()
        return answers[0], raw, events

    def close(self) -> str:
        """End it; return what it complained of."""
        self.channel.close()
        try:
            _, complaint = self.popen.communicate(timeout=30)
        finally:
            self.popen.kill()  # one that does not end is not to stay
            self.reactor.close()
        assert self.popen.returncode == 0
        return complaint.decode()

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self.side.frame(kind, number, payload)

    def _lost(self, why: str | None) -> None:
        self.why.append(why)
        self.reactor.stop()
