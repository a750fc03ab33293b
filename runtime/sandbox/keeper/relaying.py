"""Requests that the agent fulfils, passed on to it, with all that belongs to them.

*Promise*: the keeper holds nothing: each side may send what the other one has given room for, for
credit is passed on as well. An asker who does not read stops the agent's work for that request,
and for no other.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Final

from ..streams import Exchange, Json, Question, Refused, error_of
from ..wire import DATA, STDERR, STDOUT, Garbled, cost
from .agent_link import AgentLink

RELAYED: Final = frozenset(
    {
        "read_file",
        "write_file",
        "mkdir",
        "delete",
        "rename",
        "move",
        "list",
        "stat",
        "exists",
        "watch",
        "changes",
        "replace",
        "listening",
    }
)
# Fast rather than small: of what programs and models write, it makes a third all the same.
_COMPRESSED: Final = "--use-compress-program=gzip -1"
# Exit codes of tar(1): 1 is that a file changed while it was read, as files do.
_PACKED: Final = frozenset({0, 1})
_UNPACKED: Final = frozenset({0})
_COMPLAINT_BYTES_MAX = 2000  # of what tar(1) says of what went wrong


class Relay:
    """One request on its way through.

    Args:
        agent: Who fulfils it.
        exchange: Who asked.
        request: What is asked of the agent.
        finish: What is made of its answer.
        raw_kind: Of the raw bytes that are passed on; they arrive as DATA.
    """

    def __init__(
        self,
        agent: AgentLink,
        exchange: Exchange,
        request: Json,
        *,
        finish: Callable[[Json], Json] = lambda answer: answer,
        raw_kind: int = DATA,
    ) -> None:
        self.complaint = b""
        self._exchange = exchange
        self._finish = finish
        self._raw_kind = raw_kind
        self._given_to_agent = 0
        self._given_to_asker = 0
        self._question: Question = agent.ask(request, self._answered, exchange.tell)
        self._question.on_data = self._comes_out
        self._question.on_room = self._agent_has_room
        exchange.on_data = self._question.send
        exchange.on_end = self._question.end
        exchange.on_event = self._question.tell
        exchange.on_room = self._asker_has_room
        exchange.on_cancel = self._cancel
        if exchange.has_ended:
            self._question.end()

    def refuse(self, refused: Refused) -> None:
        """End it before it has come to its end."""
        self._question.cancel()
        self._exchange.refuse(refused)

    def _comes_out(self, kind: int, data: bytes) -> None:
        if kind == STDERR and self._raw_kind == STDOUT:
            self.complaint = (self.complaint + data)[:_COMPLAINT_BYTES_MAX]
            self._question.consumed(cost(len(data)))
        elif kind != self._raw_kind:
            raise Garbled(f"raw bytes of kind {kind} where those of {self._raw_kind} belong")
        elif self._exchange.is_open:
            self._exchange.send(data)

    def _asker_has_room(self) -> None:
        total = self._exchange.given_back_bytes
        self._question.consumed(total - self._given_to_agent)
        self._given_to_agent = total

    def _agent_has_room(self) -> None:
        total = self._question.given_back_bytes
        self._exchange.consumed(total - self._given_to_asker)
        self._given_to_asker = total

    def _cancel(self) -> None:
        self._question.cancel()
        self._exchange.interrupted()

    def _answered(self, answer: Json, descriptor: int) -> None:
        if descriptor >= 0:  # nobody asked for one
            with contextlib.suppress(OSError):
                os.close(descriptor)
        refused = error_of(answer)
        try:
            self._exchange.answer(refused.as_json() if refused else self._finish(answer))
        except Refused as error:
            self._exchange.refuse(error)


def archive(
    agent: AgentLink, exchange: Exchange, path: str, excluded: list[str], *, is_listed: bool
) -> None:
    """Send all of a folder as a tar archive.

    Args:
        agent: Who packs.
        exchange: Who asked. With ``is_listed``, the paths to be left out come from there, one a
            line.
        path: The folder.
        excluded: Patterns of what to leave out, as tar(1) has them.
        is_listed: See there.
    """
    options = [f"--exclude={pattern}" for pattern in excluded]
    if is_listed:
        options += ["--anchored", "--no-wildcards", "--exclude-from=-"]
    if exchange.request.get("compressed"):
        options.append(_COMPRESSED)
    arguments = ["tar", "--create", "--sparse", "--file=-", *options, "--", "."]
    _tar(agent, exchange, arguments, path, "BACKUP_CREATE_FAILED", _PACKED)


def unarchive(agent: AgentLink, exchange: Exchange, path: str) -> None:
    """Put what a tar archive has, and that comes, into a folder."""
    arguments = ["tar", "--extract", "--file=-", "--no-same-owner"]
    if exchange.request.get("compressed"):  # one of ours
        arguments += ["--gzip", "--preserve-permissions", "--delay-directory-restore"]
    _tar(agent, exchange, arguments, path, "BACKUP_RESTORE_FAILED", _UNPACKED)


def _tar(
    agent: AgentLink,
    exchange: Exchange,
    arguments: list[str],
    path: str,
    code: str,
    good: frozenset[int],
) -> None:
    def finish(answer: Json) -> Json:
        if answer.get("exit_code") not in good:
            text = relay.complaint.decode(errors="replace").strip()
            raise Refused(code, text or "tar has failed", exit_code=answer.get("exit_code"))
        return {}

    request = {"op": "run", "arguments": arguments, "cwd": path, "stdin": True}
    relay = Relay(agent, exchange, request, finish=finish, raw_kind=STDOUT)
