"""A worker that has connected to a keeper.

*Promise*: one that does not read, sends garbage, or is gone, hurts itself: it is asked to wait, cut
off with the reason, or forgotten with all that it had asked. What it started goes on.
"""

import os
import socket
import struct
from collections.abc import Callable
from typing import Final

from ..channel import Channel
from ..reactor import Reactor
from ..streams import AnswerSide, Exchange, Json, Refused
from ..wire import EVENT, NOTICES, encode_json

# Answers that wait to be read; with more of them, nothing is asked.
UNSENT_BYTES_MAX: Final = 1024 * 1024
_CREDENTIALS = struct.Struct("iII")  # process, user, group


def is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end is this one's user, or root."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(told)[1] in {os.geteuid(), 0}


class Asker:
    """One connection.

    Args:
        connection: Leads to the worker.
        reactor: Where it runs.
        begin: Does what is asked.
        on_lost: Told why it is no more.
    """

    def __init__(
        self,
        connection: socket.socket,
        reactor: Reactor,
        *,
        begin: Callable[[Exchange], None],
        on_lost: Callable[["Asker", str | None], None],
    ) -> None:
        self._on_lost = on_lost
        self._channel = Channel(
            connection,
            reactor,
            on_frame=self._frame,
            on_lost=self._lost,
            unsent_bytes_max=UNSENT_BYTES_MAX,
        )
        self._side = AnswerSide(self._channel, begin)

    def notice(self, notice: Json) -> None:
        """Say something that was not asked."""
        self._channel.send(EVENT, NOTICES, encode_json(notice))

    def finish(self, refused: Refused, timeout_s: float) -> None:
        """Say why, refuse what is still open, send what is waiting, and close.

        In this order: whoever has a refusal asks another keeper at once.
        """
        self.notice({"ending": refused.as_json()["error"]})
        for exchange in list(self._side.exchanges.values()):
            exchange.refuse(refused)
        self._channel.finish(timeout_s)

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self._side.frame(kind, number, payload)

    def _lost(self, why: str | None) -> None:
        self._side.lost()
        self._on_lost(self, why)
