"""How many connections there may be, in all and from one address, and what the others are told.

Promise:
    Each connection is counted from its accept to its end: through the TLS handshake, as HTTP, and
    as a WebSocket. Nothing is kept for a connection but its count, unless addresses have a limit
    of their own.
"""

import asyncio
import resource
from dataclasses import dataclass

from ..config.networks import Networks
from .http_protocol import plain_answer

# Long enough to read some hundred bytes; a client that goes on sending is cut off then.
LEAVES_S = 1.0
# Refused clients that are let to read why; beyond, they are only cut off.
LEAVING_MAX = 100
RETRY_AFTER_S = 1
# Files of objects, the log, libraries.
DESCRIPTORS_ELSEWHERE = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is not served.

    Attributes:
        status: Of the answer.
        why: Its text.
    """

    status: int
    why: str

    @property
    def answer(self) -> bytes:
        """The whole answer, as bytes."""
        return plain_answer(self.status, self.why, f"Retry-After: {RETRY_AFTER_S}")


TOO_MANY = Refusal(503, "Service Unavailable")
TOO_MANY_OF_ADDRESS = Refusal(429, "Too Many Requests")


@dataclass(frozen=True, slots=True)
class AdmissionStatistics:
    """Connections now, and those that were not served since the start.

    Attributes:
        open: Connections that are open.
        refused: Because there were too many in all.
        refused_of_address: Because there were too many from one address.
    """

    open: int
    refused: int
    refused_of_address: int


class Admission:
    """Counts connections. A holder is whatever stands for a connection at the time.

    Args:
        connections_max: How many there may be.
        per_address_max: How many there may be from one address.
        trusted: Proxies, which may have any number.
    """

    def __init__(self, connections_max: int, per_address_max: int, trusted: Networks) -> None:
        self._connections_max = connections_max
        self._per_address_max = per_address_max
        self._trusted = trusted
        self._counts_addresses = per_address_max < connections_max
        self._by_address: dict[str, int] = {}
        self._addresses: dict[object, str] = {}
        self._open = 0
        self._refused = 0
        self._refused_of_address = 0
        self._leaving: set[Leaving] = set()

    def admit(self, holder: object, address: str) -> Refusal | None:
        """Count ``holder`` as a connection from ``address``, or say why not."""
        if self._open >= self._connections_max:
            self._refused += 1
            return TOO_MANY
        if self._counts_addresses and address and address not in self._trusted:
            count = self._by_address.get(address, 0)
            if count >= self._per_address_max:
                self._refused_of_address += 1
                return TOO_MANY_OF_ADDRESS
            self._by_address[address] = count + 1
            self._addresses[holder] = address
        self._open += 1
        return None

    def take_in(self, holder: object, address: str) -> None:
        """Count a connection that another process has admitted, whatever the limits say now."""
        if self._counts_addresses and address and address not in self._trusted:
            self._by_address[address] = self._by_address.get(address, 0) + 1
            self._addresses[holder] = address
        self._open += 1

    def pass_on(self, holder: object, heir: object) -> None:
        """The same connection has another object that stands for it."""
        address = self._addresses.pop(holder, None)
        if address is not None:
            self._addresses[heir] = address

    def release(self, holder: object) -> None:
        """The connection has ended."""
        self._open -= 1
        address = self._addresses.pop(holder, None)
        if address is None:
            return
        count = self._by_address[address] - 1
        if count:
            self._by_address[address] = count
        else:
            del self._by_address[address]

    def turn_away(
        self, transport: asyncio.Transport, refusal: Refusal, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Tell a client that it is not served, and let it go."""
        if len(self._leaving) >= LEAVING_MAX:
            transport.abort()
            return
        leaving = Leaving(transport, loop, self._leaving)
        transport.set_protocol(leaving)
        leaving.say(refusal.answer)

    def statistics(self) -> AdmissionStatistics:
        """What was counted."""
        return AdmissionStatistics(self._open, self._refused, self._refused_of_address)

    def close(self) -> None:
        """Let go of those who are still reading why they were refused."""
        for leaving in list(self._leaving):
            leaving.end()


def connections_possible(wanted: int) -> int:
    """``wanted``, or fewer where the system allows the process fewer descriptors."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(allowed - DESCRIPTORS_ELSEWHERE, allowed // 2))


class Leaving(asyncio.Protocol):
    """A connection that is told something and ends.

    To close with something unread is to reset the connection, and the client would lose what it
    was told; so what it sends is read, for a while, and dropped.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        others: "set[Leaving]",
    ) -> None:
        self._transport = transport
        self._others = others
        others.add(self)
        self._timer = loop.call_later(LEAVES_S, transport.abort)

    def say(self, answer: bytes) -> None:
        self._transport.write(answer)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def end(self) -> None:
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._timer.cancel()
        self._others.discard(self)
