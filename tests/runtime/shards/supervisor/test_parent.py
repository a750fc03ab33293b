"""A child's side, in this process: what the real children of test_child.py cannot show."""

import asyncio
import socket
from collections.abc import Sequence

from perdure.runtime.shards.supervisor.control import ControlConnection
from perdure.runtime.shards.supervisor.messages import (
    Adopt,
    Configure,
    Drain,
    Drained,
    Failed,
    Hello,
    Message,
    Ping,
    Pong,
    Ready,
    Relay,
    Relaying,
    Serve,
    Serving,
    Stop,
    Tell,
)
from perdure.runtime.shards.supervisor.parent import Assignment, Parent, failure_text
from perdure.runtime.shards.supervisor.places import Identity
from perdure.runtime.shards.version import VERSION
from perdure.storage.errors import InternalError, UsageError

WAIT_S = 60


class SlowDuty:
    """Waits in each of its methods until it may go on."""

    def __init__(self, parent: Parent) -> None:
        self.parent = parent
        self.may_go_on = asyncio.Event()
        self.happened: list[str] = []

    async def step(self, name: str) -> None:
        self.happened.append(name)
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.happened.append(f"{name} cancelled")
            raise
        self.may_go_on.clear()

    async def prepare(self, assignment: Assignment) -> bytes:
        await self.step("prepare")
        return b"info"

    async def serve(self) -> None:
        await self.step("serve")

    async def drain(self, left_s: float, *, together: bool) -> None:
        await self.step("drain")

    def relay(self, left_s: float, end: socket.socket) -> None:
        end.close()
        self.happened.append(f"relay {left_s:g}")
        self.parent.relaying(2, 3)
        self.parent.is_through()

    def adopt(self, end: socket.socket) -> None:
        end.close()
        self.happened.append("adopt")

    async def stop(self) -> None:
        self.happened.append("stop")
        if self.may_go_on.is_set():
            raise UsageError("it cannot be let go of")

    def link(self, peer: Identity, end: socket.socket) -> None:
        end.close()

    def unlink(self, peer: Identity) -> None:
        """Nothing is linked."""

    def statistics(self) -> bytes:
        return b""

    def told(self, data: bytes) -> None:
        self.parent.tell(data)


class Stage:
    """A child's side and its duty, and a supervisor's end that a test speaks with."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.control = ControlConnection(
            ours, loop, is_supervisor=True, on_message=self.hear, on_lost=lambda _: None
        )
        self.duties: list[SlowDuty] = []
        self.parent = Parent(theirs, loop, self.make_duty)
        self.status = asyncio.ensure_future(self.parent.attend())

    def hear(self, message: Message, sockets: Sequence[socket.socket]) -> None:
        assert not sockets
        self.heard.put_nowait(message)

    def make_duty(self, parent: Parent) -> SlowDuty:
        self.duties.append(SlowDuty(parent))
        return self.duties[0]

    async def hears(self, *messages: Message) -> None:
        async with asyncio.timeout(WAIT_S):
            assert [await self.heard.get() for _ in messages] == list(messages)


async def test_orders_wait_for_each_other_and_questions_for_nothing() -> None:
    stage = Stage()
    (duty,) = stage.duties
    for order in (
        Configure("worker", "0", 1, b"", 0),
        Serve(),
        Drain(1.0, together=False),
        Ping(1),
        Tell(b"x"),
    ):
        stage.control.send(order)
    await stage.hears(Hello(VERSION, "spare", "", 0), Pong(1), Tell(b"x"))
    for name, done in (("prepare", Ready(b"info")), ("serve", Serving()), ("drain", Drained())):
        assert duty.happened[-1] == name
        duty.may_go_on.set()
        await stage.hears(done)
    stage.control.send(Stop())
    assert await stage.status == 0
    assert duty.happened == ["prepare", "serve", "drain", "stop"]


async def test_a_relay_says_what_it_has_and_when_it_is_through() -> None:
    stage = Stage()
    for order in (Adopt(), Relay(60.0)):
        ours, theirs = socket.socketpair()
        ours.close()
        stage.control.send(order, [theirs])
    await stage.hears(Hello(VERSION, "spare", "", 0), Relaying(2, 3), Drained())
    stage.control.send(Stop())
    assert await stage.status == 0
    assert stage.duties[0].happened == ["adopt", "relay 60", "stop"]


async def test_stop_interrupts() -> None:
    stage = Stage()
    (duty,) = stage.duties
    stage.control.send(Configure("worker", "0", 1, b"", 0))
    stage.control.send(Ping(1))
    await stage.hears(Hello(VERSION, "spare", "", 0), Pong(1))
    stage.control.send(Stop())
    stage.control.send(Stop())
    assert await stage.status == 0
    assert duty.happened == ["prepare", "prepare cancelled", "stop"]


async def test_one_that_cannot_go_on_says_so_with_its_last_words() -> None:
    stage = Stage()
    stage.parent.fail("the disk is full")
    stage.parent.fail("and more")
    await stage.hears(Hello(VERSION, "spare", "", 0), Failed("the disk is full", is_usage=False))
    assert await stage.status == 1


async def test_a_stop_that_fails_is_told() -> None:
    stage = Stage()
    stage.duties[0].may_go_on.set()
    stage.control.send(Stop())
    await stage.hears(
        Hello(VERSION, "spare", "", 0), Failed("it cannot be let go of", is_usage=True)
    )
    assert await stage.status == 1


def test_errors_of_ours_are_told_in_words_and_others_with_where_they_were_raised() -> None:
    assert failure_text(UsageError("no class Room")) == "no class Room"
    assert "Traceback" not in failure_text(UsageError("no class Room"))
    assert raised(InternalError("a bug")).startswith("Traceback")
    assert "test_parent.py" in raised(ValueError("theirs"))


def raised(error: Exception) -> str:
    """What is said of an error that was raised here."""
    try:
        raise error
    except type(error) as caught:
        return failure_text(caught)
