"""System calls that fail because strace says so, or in which the process is killed.

An injected error replaces the call: nothing of it is done. strace counts the calls of each thread
by itself; the log is written by one thread.
"""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.turns import KEY, actor_id

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None,
    reason="errors are injected with strace, which is not here: `.ci/run packages` installs it",
)
# The actor whose file fails, where it is one actor's.
VICTIM = 3
_SEGMENTS_MAX = 24
_PATIENCE_S = 30.0
_PWRITE = re.compile(r'pwrite64\(\d+, "([^"]*)"')


@dataclass(frozen=True)
class Fault:
    """What is to fail.

    Attributes:
        where: ``log`` (its segments), ``log-dir``, ``checkpoint`` (the file), ``root`` (the
            directory), ``alarms`` (their index), or of the victim ``file`` and ``wal``.
        call: The system call.
        how: ``EIO`` and the like, or ``KILL``.
        when: Which of a thread's calls: ``3``, or ``3+`` for all from the third on.
    """

    where: str
    call: str
    how: str
    when: str

    def __str__(self) -> str:
        return f"{self.where}-{self.call}-{self.how}-{self.when}"

    def wrapper(self, root: Path, trace: Path) -> list[str]:
        """Return the command before the command; it writes the calls into ``trace``."""
        # With --seccomp-bpf, which makes all other calls cheap, strace sends no signals.
        quick = [] if self.how == "KILL" else ["--seccomp-bpf"]
        return ["strace", *quick, *self._arguments(root, trace)]

    @contextlib.contextmanager
    def attached(self, pid: int, root: Path, trace: Path) -> Iterator[None]:
        """Have it happen from now on to a process that stands still and lets others trace it."""
        command = ["strace", *self._arguments(root, trace), "-p", str(pid)]
        with subprocess.Popen(command) as strace:
            until = time.monotonic() + _PATIENCE_S
            while not all(_is_traced(task) for task in Path(f"/proc/{pid}/task").iterdir()):
                assert strace.poll() is None, "strace may not trace it"
                assert time.monotonic() < until, "strace does not begin"
            yield

    def _arguments(self, root: Path, trace: Path) -> list[str]:
        effect = "signal=KILL" if self.how == "KILL" else f"error={self.how}"
        paths = [argument for path in _paths(root, self.where) for argument in ("-P", str(path))]
        calls = sorted({self.call, "pwrite64", "fdatasync"} if self.where == "log" else {self.call})
        return [
            *("-f", "-qq", "-xx", "-s", "40", "-o", str(trace)),
            *paths,
            *("-e", f"trace={','.join(calls)}"),
            *("-e", f"inject={self.call}:{effect}:when={self.when}"),
        ]


def faults(where: str, call: str, hows: str, whens: str) -> list[Fault]:
    """Return all combinations of ``hows`` and ``whens``."""
    return [Fault(where, call, how, when) for how in hows.split() for when in whens.split()]


def _paths(root: Path, where: str) -> list[Path]:
    log_dir = root / "log" / "0"
    file = root / "actors" / KEY / actor_id(VICTIM).hex()[:2] / f"{actor_id(VICTIM).hex()}.db"
    return {
        "log": [log_dir / f"{number:08d}.seg" for number in range(1, _SEGMENTS_MAX + 1)],
        "log-dir": [log_dir],
        "checkpoint": [log_dir / "CHECKPOINT", log_dir / "CHECKPOINT.new"],
        "root": [root, root / "actors"],
        "alarms": [root / "alarms.db", root / "alarms.db-wal"],
        "file": [file],
        "wal": [file.with_name(file.name + "-wal")],
    }[where]


def _is_traced(task: Path) -> bool:
    return "TracerPid:\t0\n" not in (task / "status").read_text()


def count_injected(trace: Path) -> int:
    """Return how many calls were made to fail."""
    return trace.read_text().count("(INJECTED)")


def first_lsn_not_synced(trace: Path) -> int:
    """Return the first number that no sync of the log covered when a call on it failed.

    Raises:
        AssertionError: No call on the log failed.
    """
    first: int | None = None
    for line in trace.read_text().splitlines():
        written = _PWRITE.search(line)
        if written is not None and first is None:
            first = _lsn_in(bytes.fromhex(written[1].replace("\\x", "")))
        if "(INJECTED)" in line:
            assert first is not None, "the call that failed was about no record"
            return first
        if "fdatasync" in line and line.endswith("= 0"):
            first = None
    raise AssertionError("no call on the log failed")


def _lsn_in(data: bytes) -> int | None:
    """The number of a record, or the first one of a segment; see docs/storage-format.md."""
    if data.startswith(b"PRec"):
        return int.from_bytes(data[16:24], "little")
    if data.startswith(b"PERDULOG"):
        return int.from_bytes(data[24:32], "little")
    return None
