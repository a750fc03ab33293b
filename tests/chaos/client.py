"""Clients of two libraries that count through a room, and see to it that nothing is missing."""

import asyncio
from collections import Counter
from typing import Protocol

import aiohttp
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.clients.client import InChromium
from tests.wire import CONTINUATION, TEXT, frame

IN_FLIGHT = 8
LARGE_EVERY = 50
LARGE_SIZE = 2**20
FRAGMENT_SIZE = 2**16
# Of a client that says more than is kept for it.
FLOOD_SIZE, FLOOD_IN_FLIGHT = 2**17, 24


class Broken(AssertionError):
    """A client was told something that it never should hear."""


class Connection(Protocol):
    """One of a library's."""

    async def send(self, message: str, *, in_fragments: bool) -> None: ...
    async def receive(self) -> str: ...
    async def close(self) -> None: ...


def _fragments(message: str) -> list[str]:
    return [message[at : at + FRAGMENT_SIZE] for at in range(0, len(message), FRAGMENT_SIZE)]


class InWebsockets:
    """websockets."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: str, *, in_fragments: bool) -> None:
        await self._connection.send(_fragments(message) if in_fragments else message)

    async def receive(self) -> str:
        message = await self._connection.recv()
        assert isinstance(message, str)
        return message

    async def close(self) -> None:
        await self._connection.close()


class InAiohttp:
    """aiohttp, which sends no fragments by itself."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection

    async def send(self, message: str, *, in_fragments: bool) -> None:
        if not in_fragments:
            await self._connection.send_str(message)
            return
        pieces = _fragments(message)
        transport = self._connection._writer.transport
        assert transport is not None
        for number, piece in enumerate(pieces, 1):
            opcode = TEXT if number == 1 else CONTINUATION
            is_final = number == len(pieces)
            transport.write(frame(opcode, piece, final=is_final))

    async def receive(self) -> str:
        message = await self._connection.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Broken(f"it got {message!r}")
        assert isinstance(message.data, str)
        return message.data

    async def close(self) -> None:
        await self._connection.close()


class InPage:
    """A page's own WebSocket; how many frames a message becomes is the browser's matter."""

    def __init__(self, page: InChromium) -> None:
        self._page = page

    async def send(self, message: str, *, in_fragments: bool) -> None:
        del in_fragments
        await self._page.send(message)

    async def receive(self) -> str:
        event = await self._page.next()
        if event[0] != "text":
            raise Broken(f"it got {event}")
        assert isinstance(event[1], str)
        return event[1]

    async def close(self) -> None:
        await self._page.close(1000, "")


class Client:
    """One client, and its ledger.

    Attributes:
        name: By which the room knows it.
        room: Whose client it is.
        said: How many messages it has said; they are numbered from 1.
        heard: The last number that was answered.
        again: How many answers came again.
        redelivered: How many answers were to messages that were marked.
        pushes: How many messages came unasked.
        served_by: The process that the last answer came from;
        answers_of: how many came from each, and
        first_heard_at: when each process first answered this client, on the loop's clock.
    """

    def __init__(
        self, name: str, room: str, connection: Connection, *, floods: bool, patience_s: float
    ) -> None:
        self.name = name
        self.room = room
        self.said = self.heard = self.again = self.redelivered = self.pushes = 0
        self.served_by = 0
        self.answers_of: Counter[int] = Counter()
        self.first_heard_at: dict[int, float] = {}
        self._last_push = 0
        self._connection = connection
        self._floods = floods
        self._patience_s = patience_s
        self._sizes: dict[int, int] = {}
        self._is_leaving = False

    def leave(self) -> None:
        """Say no more; ``live`` ends when everything is answered."""
        self._is_leaving = True

    async def live(self) -> None:
        """Talk until told to leave.

        Raises:
            Broken: It was told what it never should hear; or nothing.
        """
        try:
            while not (self._is_leaving and self.heard == self.said):
                await self._say_what_it_may()
                async with asyncio.timeout(self._patience_s):
                    self._take(await self._connection.receive())
        except TimeoutError:
            raise Broken(f"{self}: nothing came for {self._patience_s:g} s") from None
        except (ConnectionClosed, aiohttp.ClientError, OSError) as error:
            raise Broken(f"{self}: {error!r}") from error
        except Broken as broken:
            raise Broken(f"{self}: {broken}") from broken

    async def close(self) -> None:
        await self._connection.close()

    def __str__(self) -> str:
        return f"{self.name} in {self.room}, which has said {self.said} and heard {self.heard}"

    async def _say_what_it_may(self) -> None:
        in_flight = FLOOD_IN_FLIGHT if self._floods else IN_FLIGHT
        while not self._is_leaving and self.said < self.heard + in_flight:
            self.said += 1
            is_large = not self._floods and self.said % LARGE_EVERY == LARGE_EVERY // 2
            size = LARGE_SIZE if is_large else FLOOD_SIZE if self._floods else 20
            message = f"{self.said} ".ljust(size, "x")
            self._sizes[self.said] = len(message)
            await self._connection.send(message, in_fragments=is_large)

    def _take(self, message: str) -> None:
        words = message.split()
        if words[0] == "push":
            self._take_push(int(words[1]))
            return
        number, verdict, size, pid, is_marked = words[0], *words[-4:]
        if verdict not in {"new", "again"}:
            raise Broken(f"it heard {message!r}")
        if int(number) > self.heard + 1:
            raise Broken(f"{message!r} came before {self.heard + 1}")
        if int(number) <= self.heard:
            if not int(is_marked):
                raise Broken(f"{message!r} came twice")
            self.again += 1
        elif int(size) != self._sizes.pop(int(number)):
            raise Broken(f"{message!r} has another size")
        self.heard = max(self.heard, int(number))
        self.redelivered += int(is_marked)
        self.served_by = int(pid)
        self.answers_of[int(pid)] += 1
        self.first_heard_at.setdefault(int(pid), asyncio.get_running_loop().time())

    def _take_push(self, number: int) -> None:
        if number <= self._last_push:
            raise Broken(f"push {number} came behind {self._last_push}")
        self._last_push = number
        self.pushes += 1
