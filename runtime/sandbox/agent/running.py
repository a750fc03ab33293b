"""One command that runs: its output on its way to the keeper, its input, its end.

*Promise*: output comes in the order in which it was written, each of both streams for itself. The
answer comes when the command itself has ended and what it had written until then was sent;
whatever it left behind in the background may go on writing, into nothing.
One that is to end has its grace, and so has all of its group: a shell is gone at the first SIGTERM,
while the program that it has started still tidies up.
A process that leads a group is not reaped before its group was signalled for the last time, so
that no signal reaches a group that has got its number. Only one that is to end is reaped before its
group, which is then looked at every 10 ms: numbers do not go all the way round in so short a time.
"""

import contextlib
import errno
import os
import signal
from collections import deque
from collections.abc import Callable

from ..reactor import Reactor, Timer
from ..streams import Exchange, Json, Refused
from ..wire import DATA, SIDE_MAX, STDERR, STDOUT, cost
from .shell_report import ShellReport
from .starting import Started, resize, unread_bytes

GRACE_S_MAX = 60.0
_TERMINAL_PATIENCE_S = 1.0
_LOOK_AGAIN_S = 0.05
_GROUP_LOOK_S = 0.01
_DISCARDED_AT_ONCE_BYTES = 64 * 1024
# Not of signal.Signals: to import an enum takes longer than to start.
_NAMES = {
    int(getattr(signal, name)): name
    for name in reversed(dir(signal))
    if name.startswith("SIG") and name not in {"SIGRTMIN", "SIGRTMAX"} and "_" not in name
}


class Output:
    """What comes out of one descriptor.

    Attributes:
        left: How many bytes are still to be sent, once the command has ended; None before.
        has_ended: Whether nothing more comes, or is wanted.
    """

    def __init__(self, descriptor: int, kind: int) -> None:
        self.descriptor = descriptor
        self.kind = kind
        self.left: int | None = None
        self.has_ended = False


class Run:
    """One command that was started."""

    def __init__(
        self,
        reactor: Reactor,
        exchange: Exchange,
        started: Started,
        *,
        is_terminal: bool,
        report: ShellReport | None,
        on_end: Callable[["Run"], None],
    ) -> None:
        self.pid = started.pid
        self._reactor = reactor
        self._exchange = exchange
        self._is_terminal = is_terminal
        self._report = report
        self._on_end = on_end
        self._stdin = started.stdin
        self._inbox: deque[bytes] = deque()
        self._status: int | None = None
        self._is_ending = False
        self._grace_is_over = False
        self._looks_later = False
        self._timer: Timer | None = None
        kinds = [DATA] if is_terminal else [STDOUT, STDERR]
        ends = [started.stdout] if is_terminal else [started.stdout, started.stderr]
        self._outputs = [Output(end, kind) for end, kind in zip(ends, kinds, strict=True)]
        exchange.on_data = self._receive
        exchange.on_end = self._feed
        exchange.on_event = self._told
        exchange.on_room = self._watch
        exchange.on_cancel = self._abandon
        exchange.tell({"pid": self.pid})
        self._watch()

    # ---- what it writes

    def _watch(self) -> None:
        """Read as long as there is room for it."""
        for output in self._outputs:
            if not output.has_ended:
                self._watch_one(output)

    def _watch_one(self, output: Output) -> None:
        reads = (lambda: self._read(output)) if self._exchange.room else None
        has_input = output.descriptor == self._stdin and bool(self._inbox)
        self._reactor.watch(output.descriptor, reads, self._feed if has_input else None)

    def _read(self, output: Output) -> None:
        size = self._exchange.room
        if output.left is not None:
            size = min(size, output.left)
        try:
            data = os.read(output.descriptor, size) if size else b""
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            if self._status is None:
                self._look_later(output)
                return
            data = b""  # the end of a terminal
        if data:
            self._exchange.send(data, output.kind)
            if output.left is not None:
                output.left -= len(data)
        elif self._exchange.room:
            self._close_output(output)
        if output.left == 0:
            self._discard(output)
        self._watch()
        self._finish()

    def _look_later(self, output: Output) -> None:
        """Nobody has the terminal open, but its program runs: to close it now would be a SIGHUP."""
        self._reactor.unwatch(output.descriptor)

        def look() -> None:
            self._looks_later = False
            if not output.has_ended:
                self._watch_one(output)

        if not self._looks_later:
            self._looks_later = True
            self._reactor.call_later(_LOOK_AGAIN_S, look)

    def _close_output(self, output: Output) -> None:
        output.has_ended = True
        self._reactor.unwatch(output.descriptor)
        if output.descriptor == self._stdin:
            self._stdin = -1
        os.close(output.descriptor)

    def _discard(self, output: Output) -> None:
        """Let what the command left behind write into nothing, instead of failing."""
        if output.has_ended:
            return
        output.has_ended = True
        descriptor = output.descriptor

        def discard() -> None:
            try:
                data = os.read(descriptor, _DISCARDED_AT_ONCE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._reactor.unwatch(descriptor)
                os.close(descriptor)

        self._reactor.watch(descriptor, discard)

    # ---- what it reads

    def _receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self._feed()

    def _feed(self) -> None:
        while self._inbox and self._stdin >= 0:
            data = self._inbox[0]
            try:
                written = os.write(self._stdin, data)
            except BlockingIOError:
                break
            except OSError:  # it reads no more: what else comes is for nobody
                self._close_stdin()
                break
            self._exchange.consumed(written)
            if written < len(data):
                self._inbox[0] = data[written:]
                break
            self._exchange.consumed(cost(0))
            self._inbox.popleft()
        if self._stdin < 0:
            while self._inbox:
                self._exchange.consumed(cost(len(self._inbox.popleft())))
        elif self._is_terminal:
            if self._exchange.has_ended and not self._inbox:
                # Who typed has hung up, which no shell can miss: a Ctrl-D is lost while it changes
                # modes, and a SIGHUP while it begins to read.
                self._hang_up()
            self._watch()
        elif self._inbox:
            self._reactor.watch(self._stdin, writes=self._feed)
        elif self._exchange.has_ended:
            self._close_stdin()
        else:
            self._reactor.unwatch(self._stdin)

    def _close_stdin(self) -> None:
        if self._stdin >= 0 and not self._is_terminal:
            self._reactor.unwatch(self._stdin)
            os.close(self._stdin)
            self._stdin = -1

    # ---- its end

    def leader_ended(self) -> None:
        """Reap it: the system says that it has ended."""
        if self._grace_is_over:
            self._signal(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        if self._is_ending:
            self._wait_for_group(status)
        else:
            self._ended(status)

    def _wait_for_group(self, status: int) -> None:
        """Give what is left of its group the rest of the grace."""
        if self._grace_is_over or not self._has_group():
            self._ended(status)
        else:
            self._reactor.call_later(_GROUP_LOOK_S, lambda: self._wait_for_group(status))

    def _has_group(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # there is somebody
        return True

    def _ended(self, status: int) -> None:
        self._status = status
        if self._timer is not None:
            self._timer.cancel()
        self._close_stdin()
        for output in self._outputs:
            # A terminal hangs up by itself, behind its last words.
            if not self._is_terminal and not output.has_ended:
                output.left = unread_bytes(output.descriptor)
                if output.left == 0 or self._exchange.is_cancelled:
                    self._discard(output)
        if self._is_terminal:
            self._watch()
            self._timer = self._reactor.call_later(_TERMINAL_PATIENCE_S, self._lose_patience)
        self._finish()

    def _lose_patience(self) -> None:
        """What it left behind has the terminal open; its own last words may still be waited for."""
        if self._exchange.room or self._exchange.is_cancelled:
            self._hang_up()
        else:
            self._timer = self._reactor.call_later(_TERMINAL_PATIENCE_S, self._lose_patience)

    def _hang_up(self) -> None:
        for output in self._outputs:
            if not output.has_ended:
                self._close_output(output)
        self._finish()

    def _finish(self) -> None:
        is_done = all(output.has_ended for output in self._outputs)
        if self._status is None or not is_done or not self._exchange.is_open:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._on_end(self)
        answer = _ending(self._status)
        if self._report is not None:
            if left := self._report.left():
                answer["left"] = left
            self._report.close()
        self._exchange.answer(answer)

    def _told(self, event: Json) -> None:
        if type(event.get("signal")) is int:
            self._signal(event["signal"])
        elif type(event.get("end")) in {int, float}:
            self._end(min(max(0.0, event["end"]), GRACE_S_MAX))
        elif type(event.get("cols")) is int and type(event.get("rows")) is int:
            if self._is_terminal and not self._outputs[0].has_ended:
                columns, rows = (min(max(1, event[name]), SIDE_MAX) for name in ("cols", "rows"))
                resize(self._outputs[0].descriptor, columns, rows)
        else:
            raise Refused("VALIDATION_FAILED", "A command understands signal, end, cols and rows")

    def _abandon(self) -> None:
        """End it for somebody who reads no more, and so gives no room for its last words."""
        self._end(1.0)
        if self._status is not None and not self._is_terminal:
            for output in self._outputs:
                self._discard(output)
            self._finish()

    def _end(self, grace_s: float) -> None:
        """Ask it to end, with all of its group, and do not take no for an answer."""
        self._is_ending = True
        if self._status is None:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # one that is stopped cannot hear
            if self._timer is None:
                self._timer = self._reactor.call_later(grace_s, self._end_grace)

    def _end_grace(self) -> None:
        self._grace_is_over = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._status is None and 0 < number < signal.NSIG:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


def _ending(status: int) -> Json:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return {"exit_code": 128 + number, "signal": _NAMES.get(number, f"SIG{number}")}
    return {"exit_code": os.WEXITSTATUS(status), "signal": None}
