"""What becomes of sandboxes when a process of the server is killed, and what is left of them.

Processes, control groups, mounts, sockets and files are counted from outside.
"""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.crash.boxes import GONE_WITHIN_S, Boxes, until
from tests.runtime.sandbox.wall.conftest import needed

pytestmark = [pytest.mark.crash, pytest.mark.slow]

Serve = Callable[..., Boxes]
INLINE, WORKERS = 0, 2
MANY = 50
ALL = os.environ.get("PERDURE_FAULTS") == "all"
NAMES = ["one", "two", "three"]
# A process that goes on in the background, one that has left its session, and both ignore SIGTERM.
STUBBORN = (
    "trap '' TERM; setsid -f sh -c \"trap '' TERM; sleep 1000; :\"; while :; do sleep 1; done"
)


@pytest.fixture
def serve() -> Iterator[Serve]:
    needed()
    with ExitStack() as started:

        def start(workers: int, who: str = "root") -> Boxes:
            if os.geteuid() != 0 and who == "root":
                pytest.skip("only root starts sandboxes as root")
            is_ordinary = who == "ordinary" and os.geteuid() == 0
            return started.enter_context(Boxes(workers=workers, is_ordinary=is_ordinary))

        yield start


def busy(boxes: Boxes) -> None:
    """Have sandboxes in which something runs, and see that all of it is counted."""
    boxes.calls(NAMES, "exec", "echo kept > file")
    boxes.calls(NAMES, "start", STUBBORN)
    until(lambda: len(boxes.processes("sleep")) >= 2 * len(NAMES))
    assert boxes.left().keys() == {"processes", "control groups", "sockets", "mounts", "files"}
    assert len(boxes.keepers()) == len(NAMES)


def gone(boxes: Boxes) -> None:
    """Nothing is left of it but what is to be found by the next one."""
    try:
        until(lambda: not boxes.left(), GONE_WITHIN_S)
    except AssertionError:
        raise AssertionError(boxes.left()) from None
    kept = [path.read_text() for path in boxes.sandboxes.glob("*/workspace/file")]
    assert kept == ["kept\n"] * len(NAMES)


def few(*chosen: tuple[int, str]) -> pytest.MarkDecorator:
    """In which shapes, and as whom: those chosen, or all."""
    every = list(itertools.product((INLINE, WORKERS), ("root", "ordinary")))
    return pytest.mark.parametrize(("workers", "who"), every if ALL else chosen)


@few((INLINE, "root"), (WORKERS, "ordinary"))
def test_nothing_is_left_of_a_server_that_is_killed(serve: Serve, workers: int, who: str) -> None:
    boxes = serve(workers, who)
    busy(boxes)
    boxes.kill(boxes.pid)
    gone(boxes)


@few((INLINE, "ordinary"), (WORKERS, "root"))
def test_nothing_is_left_of_a_server_that_ends(serve: Serve, workers: int, who: str) -> None:
    boxes = serve(workers, who)
    busy(boxes)
    os.kill(boxes.pid, signal.SIGTERM)
    assert boxes.wait() == 0
    assert boxes.left() == {}
    gone(boxes)


@pytest.mark.parametrize("who", ["root", "ordinary"] if ALL else ["root"])
def test_sandboxes_outlive_the_workers(serve: Serve, who: str) -> None:
    boxes = serve(WORKERS, who)
    busy(boxes)
    keepers = boxes.keepers()
    pid = boxes.call("one", "start", "sleep 1000")
    boxes.kill(*boxes.processes("worker_process"))
    assert boxes.calls(NAMES, "exec", "cat file") == ["kept\n"] * len(NAMES)
    assert boxes.call("one", "exec", f"kill -0 {pid} && echo alive") == "alive\n"
    assert boxes.keepers() == keepers
    boxes.kill(boxes.pid)
    gone(boxes)


@few((INLINE, "ordinary"), (WORKERS, "root"))
def test_a_keeper_takes_its_sandbox_along_and_no_other(
    serve: Serve, workers: int, who: str
) -> None:
    boxes = serve(workers, who)
    busy(boxes)
    pid = boxes.call("two", "start", "sleep 1000")
    all_of_it = {*boxes.processes()}
    boxes.call("one", "destroy")
    of_one = all_of_it - {*boxes.processes()}
    boxes.call("one", "exec", "echo kept > file")
    keeper = next(pid for pid in boxes.keepers() if pid not in all_of_it)
    assert len(of_one) >= 5
    before = len(boxes.control_groups())
    boxes.kill(keeper)
    until(lambda: len(boxes.control_groups()) == before * 2 // 3, GONE_WITHIN_S)
    until(lambda: len(list(boxes.sandboxes.glob("*/keeper.sock"))) == 2, GONE_WITHIN_S)
    assert boxes.call("two", "exec", f"kill -0 {pid} && echo alive") == "alive\n"
    assert boxes.call("one", "exec", "cat file") == "kept\n"
    boxes.kill(boxes.pid)
    gone(boxes)


@few((WORKERS, "root"))
def test_sandboxes_outlive_the_launcher_and_end_with_the_server(
    serve: Serve, workers: int, who: str
) -> None:
    boxes = serve(workers, who)
    busy(boxes)
    keepers = boxes.keepers()
    pid = boxes.call("one", "start", "sleep 1000")
    boxes.kill(boxes.launcher())
    assert boxes.call("one", "exec", f"kill -0 {pid} && echo alive") == "alive\n"
    assert boxes.call("four", "exec", "echo new") == "new\n"
    assert {*keepers} < {*boxes.keepers()}
    boxes.kill(boxes.pid)
    gone(boxes)


def test_nothing_is_left_when_server_and_launcher_are_killed_at_once(serve: Serve) -> None:
    boxes = serve(WORKERS)
    busy(boxes)
    os.kill(boxes.pid, signal.SIGSTOP)  # it starts no other launcher meanwhile
    boxes.kill(boxes.launcher(), boxes.pid)
    # The name of a socket stays, on which nobody listens: all who know of it are dead.
    until(lambda: boxes.left().keys() == {"sockets", "files"}, GONE_WITHIN_S)
    assert boxes.left()["files"] == {"launcher.sock"}
    (boxes.sandboxes / "launcher.sock").unlink()
    gone(boxes)


@pytest.mark.parametrize("who", ["root", "ordinary"] if ALL else ["root"])
def test_many_at_once_are_destroyed_without_a_trace(serve: Serve, who: str) -> None:
    boxes = serve(WORKERS, who)
    names = [f"box-{number}" for number in range(MANY)]
    told = boxes.calls(names, "exec", "echo $$ > file; cat file; sleep 0.5")
    assert len(told) == MANY
    assert len(boxes.keepers()) == MANY
    boxes.calls(names, "destroy")
    until(lambda: not (boxes.keepers() or boxes.control_groups() or boxes.mounts()), GONE_WITHIN_S)
    assert boxes.files() == {"agent.pyc", "launcher.sock"} | ({"next_uid"} & boxes.files())
    boxes.kill(boxes.pid)
    until(lambda: not boxes.left(), GONE_WITHIN_S)
