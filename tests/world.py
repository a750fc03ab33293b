"""A small world of actors without a server: real storage, a clock that jumps, one loop."""

import asyncio
import heapq
import inspect
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perdure.actors.actor import Actor, Handlers
from perdure.actors.base import DurableObject
from perdure.actors.clock import Timer
from perdure.actors.events import OnReply
from perdure.actors.execution import install_task_factory
from perdure.actors.handlers import construct_native
from perdure.actors.http import Request, Response
from perdure.actors.ids import DurableObjectId, IdFactory
from perdure.actors.limits import ActorLimits
from perdure.actors.link import Close, KeptSocket, Sent, SocketReceiver
from perdure.actors.namespace import DurableObjectNamespace
from perdure.actors.session import LOST, LOST_REASON, CloseFrame, Receipted
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from perdure.runtime.host.actor_host import ActorHost, Databases
from perdure.runtime.host.bindings import Env
from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import HistoryUnavailable
from perdure.storage.layout import Layout
from perdure.storage.limits import StorageLimits
from perdure.storage.marks import Marks
from tests.wire import PATIENCE_S


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Time stands still until ``advance`` is called."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = itertools.count()

    def time_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due on the way."""
        end = self.now_s + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, due)
            if timer.callback is not None:
                timer.callback()
        self.now_s = end


class FakeAlarms:
    """Remembers what actors said of their alarms."""

    def __init__(self) -> None:
        self.committed_ms: list[int | None] = []

    def committed(self, actor_id: DurableObjectId, time_ms: int | None, lsn: int) -> None:
        self.committed_ms.append(time_ms)


class FakePast:
    """A past in which everything can be had; it remembers what was asked for."""

    def __init__(self) -> None:
        self.commit = 7
        self.restores: list[tuple[DurableObjectId, Bookmark]] = []

    def _bookmark(self, actor_id: DurableObjectId, commit: int) -> Bookmark:
        return Bookmark.of(actor_id.unique_key, actor_id.raw, 1, commit)

    def current(self, actor_id: DurableObjectId) -> Bookmark:
        return self._bookmark(actor_id, self.commit)

    async def at_time(self, actor_id: DurableObjectId, time_ms: int) -> Bookmark:
        return self._bookmark(actor_id, time_ms // 1000)

    async def restore_at_next_start(self, actor_id: DurableObjectId, bookmark: Bookmark) -> None:
        bookmark.check_for(actor_id.unique_key, actor_id.raw)
        self.restores.append((actor_id, bookmark))


class FakeOutbound:
    """Answers every request when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[Request, OnReply]] = []
        self.answer: Callable[[Request], Response] | None = None

    def fetch(self, request: Request, on_reply: OnReply) -> None:
        self.sent.append((request, on_reply))
        if self.answer is not None:
            on_reply(self.answer(request), None)


class FakeLink:
    """A connection whose peer is the test."""

    buffered_size_bytes = 7
    dropped_messages = 3
    round_trip_s: float | None = None
    delivery: tuple[str, int | None] | None = None
    auto_response: tuple[str, str] | None = None
    auto_response_time_ms: int | None = None
    remembers = False

    def remember(self, kept: KeptSocket) -> None:
        self.kept = kept

    def set_restart(self, policy: str) -> None:
        self.restart = policy

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.auto_response = pair

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        self.delivery = (policy, queue_size_bytes_max)

    def __init__(self) -> None:
        self.receiver: SocketReceiver | None = None
        self.sent: list[Sent | CloseFrame] = []
        self.severed: list[CloseFrame] = []
        self.reading = True

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self.receiver = receiver

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        self.sent.extend(messages)
        if close is not None:
            self.sent.append(CloseFrame(*close))

    def sever(self, code: int, reason: str) -> None:
        self.severed.append(CloseFrame(code, reason))

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def says(self, frame: str | bytes | Receipted | CloseFrame) -> None:
        assert self.receiver is not None
        if isinstance(frame, CloseFrame):
            self.receiver.receive_close(frame.code, frame.reason)
        else:
            self.receiver.receive(frame)

    def is_lost(self, code: int = LOST, reason: str = LOST_REASON) -> None:
        assert self.receiver is not None
        self.receiver.receive_lost(code, reason)


class Lab(DurableObject):
    """An actor in which a test runs what it likes; see ``World.inside``."""

    scripts: dict[int, Callable[["Lab"], Any]] = {}
    results: dict[int, Any] = {}

    async def run(self, number: int) -> None:
        result = self.scripts.pop(number)(self)
        self.results[number] = await result if inspect.isawaitable(result) else result


class OwnDatabases:
    """Databases that are durable by themselves, at once: no test waits for a log's thread."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)

    def database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase:
        path = self._layout.actor_file(unique_key, actor_id)
        return ActorDatabase(path, limits, monotonic=monotonic)

    async def restore(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> Bookmark:
        raise HistoryUnavailable(self._layout.root, f"no history: {unique_key} {bookmark}")

    def settle(self) -> None:
        """Every commit is durable when it returns."""


class World:
    """Actors of any class: ``world.namespace(Room).get_by_name("x")`` is a stub."""

    def __init__(
        self,
        root: Path,
        limits: ActorLimits | None = None,
        databases: Databases | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.layout = Layout(root)
        install_task_factory(self.loop)
        self.clock = FakeClock()
        self.alarms = FakeAlarms()
        self.outbound = FakeOutbound()
        self.past = FakePast()
        self.limits = limits or ActorLimits()
        self._numbers = itertools.count()
        self.host = ActorHost(
            self.loop,
            self.outbound,
            self.clock,
            self.alarms,
            databases or OwnDatabases(root),
            Marks(self.layout),
            self.past,
            limits=self.limits,
            storage_limits=StorageLimits(),
            idle_timeout_s=10.0,
        )

    def namespace(
        self,
        cls: type[DurableObject],
        *,
        has_sql: bool = True,
        env: Any = None,
        construct: Callable[[Actor], Handlers] | None = None,
    ) -> DurableObjectNamespace:
        key = f"test-{cls.__name__}"
        if key not in self.host.namespaces:
            native = construct_native(cls, env or Env({}), has_sql=has_sql)
            self.host.add_namespace(key, construct or native)
        return DurableObjectNamespace(
            cls.__name__.upper(), IdFactory(key), self.host.namespaces[key], self.limits
        )

    def stub(self, cls: type[DurableObject], name: str = "one", **options: Any) -> Any:
        return self.namespace(cls, **options).get_by_name(name)

    async def inside(self, script: Callable[[Lab], Any], name: str = "lab") -> Any:
        """What ``script(actor)`` gives, run in a handler of a Lab; it is not copied."""
        number = next(self._numbers)
        Lab.scripts[number] = script
        await self.stub(Lab, name).run(number)
        return Lab.results.pop(number)

    async def accepted(self, name: str = "lab") -> tuple[WebSocket, FakeLink]:
        """An end that a Lab has accepted, and the connection to its peer."""

        def script(lab: Lab) -> tuple[WebSocket, WebSocket]:
            client, server = WebSocketPair()
            server.accept()
            return client, server

        client, server = await self.inside(script, name)
        link = FakeLink()
        client.hand_over(link)
        return server, link

    def actor(self, cls: type[DurableObject] = Lab) -> Actor:
        """The one actor of the class that is in memory."""
        [actor] = self.host.namespaces[f"test-{cls.__name__}"].live.values()
        return actor

    def live(self, cls: type[DurableObject]) -> int:
        """How many actors of the class are in memory."""
        return len(self.host.namespaces[f"test-{cls.__name__}"].live)

    def close(self) -> None:
        self.host.close(RuntimeError("the test is over"))


async def turns(count: int = 20) -> None:
    """Let the loop run what is due."""
    for _ in range(count):
        await asyncio.sleep(0)


async def outcome(task: Any) -> str:
    """What became of a task, as text that two kinds of tasks can be compared by."""
    await asyncio.wait([task], timeout=PATIENCE_S)
    assert task.done()
    if task.cancelled():
        try:
            task.result()
        except asyncio.CancelledError as error:
            return f"cancelled {error.args}"
    failure = task.exception()
    return f"result {task.result()!r}" if failure is None else f"raised {failure!r}"
