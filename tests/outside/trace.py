"""What a process did, in the order in which the kernel did it: strace's record, and its reading.

Why strace may be believed here: it stops a thread before a system call begins and again after it
has ended, and one tracer writes all of that down in one file. A line of a write stands there
before one byte of it has left; a line of a sync's end only after the sync has ended. So if the
end of the sync comes first in the file, it came first on the disk. Nothing of that is told by the
process that is watched, and neither its clock nor ours has a say.

The disk is made slow by a library (``slow_disk.c``) that waits *before* the real call, so that
what leaves at the wrong time, even once the sync has been asked for, leaves before its beginning.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CALLS = (
    "fdatasync,fsync,pwrite64,pwritev,pwritev2,write,writev,"
    "sendto,sendmsg,sendmmsg,sendfile,splice,read,readv,recvfrom,recvmsg"
)
STRINGS_MAX = 4 * 2**20  # nothing may be cut off
NEVER = 2**62

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>(?P<rest>.*)|(?P<call>\w+\(.*))", re.DOTALL)
_UNFINISHED = "<unfinished ...>"
_TARGET = re.compile(r"(\w+)\((\d+)<((?:TCP|UNIX|NETLINK)[^\]]*\]|[^>]*)>")
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(\.\.\.)?')
_RESULT = re.compile(r"= (-?\d+)[^=]*$")
_EFFECT = re.compile(rb"([a-z]+)/([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call.

    Attributes:
        name: As in the manual.
        target: The segment of the log, or ``TCP:[from->to]``, that it worked on.
        data: What it wrote or read.
        result: What it returned; -1 for an error, and if it never returned.
        began: The number of the line at which it began.
        ended: Likewise; NEVER if it did not return.
    """

    name: str
    target: str
    data: bytes
    result: int
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that left the process, and the write it tells of.

    Attributes:
        kind: Which way out it took.
        token: What was written.
        left: The line at which the call began that carried it.
    """

    kind: str
    token: str
    left: int


class Trace:
    """All that was recorded of a process."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.calls = list(_calls(lines))

    @classmethod
    def read(cls, path: Path) -> "Trace":
        with path.open(encoding="ascii") as file:
            return cls(file)

    @cached_property
    def effects(self) -> list[Effect]:
        """What left, each with what it tells of."""
        found = []
        for call in self.calls:
            if call.target.startswith("TCP") and "recv" not in call.name and call.name != "read":
                for kind, token in _EFFECT.findall(call.data + b" " + _unmasked(call.data)):
                    found.append(Effect(kind.decode(), token.decode(), call.began))
        return found

    def durable(self, token: str) -> int:
        """The line at which the record with ``token`` was durable; NEVER if it never was.

        That is the end of a sync, of the same file, which began after the record was written.
        """
        records = (
            call
            for call in self.calls
            if call.target.endswith(".seg")
            and call.name in {"pwrite64", "pwritev", "pwritev2", "write", "writev"}
            and token.encode() in call.data
        )
        written = next(records, None)
        if written is None:
            return NEVER
        return min(
            (
                call.ended
                for call in self.calls
                if call.name in {"fdatasync", "fsync"}
                and (call.target, call.result) == (written.target, 0)
                and call.began > written.ended
            ),
            default=NEVER,
        )

    def early(self) -> list[Effect]:
        """Effects that left before what they tell of was durable."""
        durable = {token: self.durable(token) for token in {e.token for e in self.effects}}
        return [effect for effect in self.effects if effect.left < durable[effect.token]]

    def arrived(self, text: str) -> int:
        """The line at which the process had read ``text`` from a socket."""
        return next(
            call.ended
            for call in self.calls
            if call.target.startswith("TCP")
            and ("recv" in call.name or "read" in call.name)
            and text.encode() in call.data + _unmasked(call.data)
        )


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    begun: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines):
        found = _LINE.match(line.rstrip("\n"))
        if found is None:  # the end of a thread, or a signal
            continue
        thread, began = found[1], number
        text = found["call"]
        if text is None:
            head, began = begun.pop(thread)
            text = head + found["rest"]
        if text.endswith(_UNFINISHED):
            begun[thread] = (text.removesuffix(_UNFINISHED), began)
        else:
            yield from _call(text, began, number)
    for text, began in begun.values():  # the process ended meanwhile
        yield from _call(text, began, NEVER)


def _call(text: str, began: int, ended: int) -> Iterator[Call]:
    target = _TARGET.match(text)
    if target is None or not (target[3].startswith("TCP") or target[3].endswith(".seg")):
        return  # nothing that anybody outside sees, nor the log
    parts = []
    for part in _STRING.finditer(text, target.end()):
        assert part[2] is None, f"strace has cut off what was written: {text[:200]}"
        parts.append(_bytes(part[1]))
    result = _RESULT.search(text[-200:]) if ended != NEVER else None
    code = -1 if result is None else int(result[1])
    yield Call(target[1], target[3], b"".join(parts), code, began, ended)


def _bytes(text: str) -> bytes:
    if text.startswith("\\x") and text.count("\\") * 4 == len(text):
        return bytes.fromhex(text.replace("\\x", ""))
    value = ast.literal_eval(f'b"{text}"')  # C's escapes are Python's
    assert isinstance(value, bytes)
    return value


def _unmasked(data: bytes) -> bytes:
    """The payloads of the frames in ``data``, if it is frames as a client sends them."""
    payloads, at = [], 0
    while at + 6 <= len(data):
        if data[at] & 0x70 or data[at] & 0xF > 10 or not data[at + 1] & 0x80:
            return b""
        size, head = data[at + 1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
            head += wide
        mask = data[at + head : at + head + 4]
        body = data[at + head + 4 : at + head + 4 + size]
        payloads.append(bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)))
        at += head + 4 + size
    return b"".join(payloads)
