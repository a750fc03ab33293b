"""Nothing that tells of a write is seen outside before the sync that covers the write.

Every sync takes 300 ms. Ten writers take every way out that there is, each another one at a time,
and ten readers look at what was written last meanwhile. Each effect names its write, so that the
order can be read from one record of what the process did: see ``trace.py``.
"""

import asyncio
import itertools
import re
import secrets
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.outside.conftest import Watch, Watched
from tests.outside.trace import Trace

pytestmark = pytest.mark.slow

WRITERS = READERS = 10
ROOMS = ("a", "b")
OVER_HTTP = (
    *("reply", "chunk", "rpc", "failure", "pair", "heir"),  # to whoever asked
    *("fetch", "upload", "later", "call", "outgoing", "alarm", "sync"),  # to a third party
)
OVER_A_SOCKET = ("frame", "broadcast", "switch", "close")
STEPS = (*OVER_HTTP, *OVER_A_SOCKET)
# Besides: what an alarm's handler has written itself, and what only reads.
KINDS = {*STEPS, "woken", "read"}
# And what need not wait, because the program says so.
FREE = {"unconfirmed"}


@dataclass
class Crowd:
    """Writers and readers of one server, all at once.

    Attributes:
        watched: The server.
        http: What requests are sent with.
        steps: How many effects each writer brings about.
        glances: Of each event that only read, the writes it was told of.
        is_over: The writers are through.
    """

    watched: Watched
    http: aiohttp.ClientSession
    steps: int
    glances: dict[str, list[str]] = field(default_factory=dict)
    is_over: bool = False

    async def write(self, number: int) -> None:
        """Bring about ``steps`` effects, beginning with another one than the other writers."""
        room = ROOMS[number % len(ROOMS)]
        first = number * len(STEPS) // WRITERS
        async with connect(self._socket_url(room)) as socket:
            hearing = asyncio.create_task(self._hear(socket))
            for kind in itertools.islice(itertools.cycle(STEPS), first, first + self.steps):
                token = secrets.token_hex(8)
                if kind == "heir":
                    await self._get(f"heir-{number}/abort?{token}")
                if kind in OVER_HTTP:
                    # Of two alarms of one actor the later replaces the earlier; and an actor that
                    # is reset drops everybody else.
                    actor = f"{kind}-{number}" if kind in {"alarm", "heir"} else room
                    await self._get(f"{actor}/{kind}?{token}")
                elif kind in {"frame", "broadcast"}:
                    await socket.send(f"{kind} {token}")
                else:
                    await self._open_and_close(room, kind, token)
                await self.watched.witness.sees(kind, token)
            await socket.close()
            await hearing

    async def hurry(self) -> None:
        """Write what nobody waits for, in an actor that has written nothing else lately."""
        await self._get("free/read?")
        await self._get(f"free/unconfirmed?{secrets.token_hex(8)}")

    async def read(self, number: int) -> None:
        """Look at what was written last, in both ways, until all writers are through."""
        room = ROOMS[number % len(ROOMS)]
        async with connect(self._socket_url(room)) as socket:
            while not self.is_over:
                glance = secrets.token_hex(4)
                self._note_glance(glance, await self._get(f"{room}/read?{glance}"))
                glance = secrets.token_hex(4)
                await socket.send(f"glance {glance}")
                while glance not in (text := str(await socket.recv())):
                    self.watched.witness.note(text)
                self._note_glance(glance, text)

    def _note_glance(self, glance: str, text: str) -> None:
        self.watched.witness.note(text)
        self.glances[glance] = re.findall("read/([0-9a-f]{16})", text)

    async def _get(self, path: str) -> str:
        async with self.http.get(f"{self.watched.url}/{path}") as answer:
            text = await answer.text()
            assert answer.status == 200, text
        self.watched.witness.note(text)
        return text

    async def _hear(self, socket: ClientConnection) -> None:
        async for text in socket:
            self.watched.witness.note(str(text))

    async def _open_and_close(self, room: str, kind: str, token: str) -> None:
        """Have a WebSocket opened, and maybe closed by the actor; ``kind`` is what matters."""
        async with connect(self._socket_url(room, token if kind == "switch" else None)) as socket:
            assert socket.response is not None
            self.watched.witness.note(socket.response.headers["X-Effect"])
            if kind == "close":
                await socket.send(f"close {token}")
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        self.watched.witness.note(str(await socket.recv()))
                self.watched.witness.note(socket.close_reason or "")

    def _socket_url(self, room: str, token: str | None = None) -> str:
        token = token or secrets.token_hex(8)
        return f"{self.watched.url.replace('http', 'ws')}/{room}/switch?{token}"


async def let_in(watched: Watched, *, steps: int) -> tuple[Crowd, Trace]:
    """Have a crowd at the server, stop it, and tell what was seen from outside."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        crowd = Crowd(watched, http, steps)
        async with asyncio.TaskGroup() as readers:
            for number in range(READERS):
                readers.create_task(crowd.read(number))
            async with asyncio.TaskGroup() as writers:
                for number in range(WRITERS):
                    writers.create_task(crowd.write(number))
                writers.create_task(crowd.hurry())
            crowd.is_over = True
    return crowd, await watched.stop()


def held_up(crowd: Crowd, trace: Trace) -> dict[int, int]:
    """How many events that only read waited for a write of others, for each sync's end."""
    held: Counter[int] = Counter()
    for glance, tokens in crowd.glances.items():
        until = max((trace.durable(token) for token in tokens), default=0)
        if trace.arrived(glance) < until:
            held[until] += 1
    return held


async def test_nothing_leaves_before_what_it_tells_of_is_durable(watch: Watch) -> None:
    watched = await watch("whole")
    crowd, trace = await let_in(watched, steps=8)
    assert [effect for effect in trace.early() if effect.kind not in FREE] == []
    assert {effect.kind for effect in trace.early()} == FREE  # what is early is found
    # The record has all that reached anybody, and all there is to see: else nothing was shown.
    left = {(effect.kind, effect.token) for effect in trace.effects}
    assert left >= watched.witness.seen
    assert {kind for kind, _ in watched.witness.seen} == KINDS | FREE
    told = {(kind, token) for kind, token in left if kind in {"read", *FREE}}
    readers = held_up(crowd, trace)
    writers = Counter(trace.durable(token) for kind, token in left - told)
    assert max(readers[end] + writers[end] for end in readers) >= 10, "at once"
    assert sum(readers.values()) > 10, "else no reader had anything to wait for"


async def test_a_gate_that_lets_everything_out_at_once_is_caught(watch: Watch) -> None:
    """The same crowd at a broken server; what is not found here would not be found there."""
    _, trace = await let_in(await watch("broken"), steps=3)
    # An alarm tells of the write that set it, but may have run after that was durable anyway.
    assert {effect.kind for effect in trace.early()} | {"alarm"} == KINDS | FREE
