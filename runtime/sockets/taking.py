"""What the system knows of the other machine: how much it has taken, and whether more is to come.

A client in the middle of a long message cannot answer a ping that is behind it, maybe for minutes,
and neither does our side of the connection hear anything from it. Only the acknowledgements of TCP
tell it from one that has gone.
"""

import asyncio
import socket
import struct
import sys
from dataclasses import dataclass

# struct tcp_info of linux/tcp.h, which only grows at its end: tcpi_unacked, tcpi_bytes_acked and
# tcpi_notsent_bytes, in Linux since 4.6.
_INFO_SIZE_BYTES = 148
_UNACKED_AT, _BYTES_ACKED_AT, _NOTSENT_AT = 24, 120, 144


@dataclass(frozen=True, slots=True)
class Taking:
    """How far the other machine is.

    Attributes:
        taken_size_bytes: What it has acknowledged, of all that was ever sent.
        more_waits: Something is on its way to it, or waits here.
    """

    taken_size_bytes: int
    more_waits: bool

    def goes_on_since(self, before: "Taking") -> bool:
        """Something had waited then, and the other machine has taken some of it."""
        return before.more_waits and self.taken_size_bytes > before.taken_size_bytes


NOTHING_KNOWN = Taking(0, more_waits=False)


def taking_of(transport: asyncio.Transport) -> Taking:
    """As the system sees it; ``NOTHING_KNOWN`` where it does not say."""
    raw = transport.get_extra_info("socket")
    if sys.platform != "linux" or raw is None:
        return NOTHING_KNOWN
    try:
        info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE_BYTES)
    except OSError:  # it has ended, or is no TCP connection
        return NOTHING_KNOWN
    if len(info) < _INFO_SIZE_BYTES:
        return NOTHING_KNOWN
    (unacked,) = struct.unpack_from("=I", info, _UNACKED_AT)
    (taken,) = struct.unpack_from("=Q", info, _BYTES_ACKED_AT)
    (unsent,) = struct.unpack_from("=I", info, _NOTSENT_AT)
    return Taking(taken, bool(unacked or unsent or transport.get_write_buffer_size()))
