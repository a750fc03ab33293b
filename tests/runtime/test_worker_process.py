"""A worker process by itself; what it does for its supervisor is in test_supervised.py."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from perdure.runtime.shards.link.errors import LinkBroken, LinkEnded
from perdure.runtime.shards.link.kinds import ROUTER, WORKER
from perdure.runtime.shards.link.link import Identity as LinkIdentity
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.worker_process import WorkerDuty, link_identity


def test_a_process_has_one_name_on_all_its_links() -> None:
    assert link_identity(Identity(Place(Role.WORKER, "1"), 7)) == LinkIdentity(WORKER, "1", 7)
    assert link_identity(Identity(Place(Role.ROUTER, "0"), 8)) == LinkIdentity(ROUTER, "0", 8)


def test_it_is_started_by_a_supervisor_only() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perdure.runtime.worker_process"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "supervisor" in done.stderr


class Timers:
    """Has what a loop calls later."""

    def __init__(self) -> None:
        self.waits: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, wait_s: float, action: Callable[..., None], *args: object) -> None:
        self.waits.append((wait_s, partial(action, *args)))


class Told:
    """A supervisor's side that is told of an end."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def fail(self, why: str) -> None:
        self.failures.append(why)


def duty_with(timers: Timers, parent: Told) -> WorkerDuty:
    duty = WorkerDuty.__new__(WorkerDuty)  # nothing else is needed of it here
    duty._loop, duty._parent = cast("Any", timers), cast("Any", parent)
    duty._is_serving, duty._gone, duty._links = True, set(), {}
    return duty


def test_who_lies_ends_before_who_has_found_it_out() -> None:
    """Both have lost their link, and each of them is trusted by nobody who has one."""
    timers, told = Timers(), Told()
    peer = Identity(Place(Role.WORKER, "1"), 7)
    liar, finder = duty_with(timers, told), duty_with(timers, told)
    liar._link_ended(peer, LinkEnded("the other process has closed it", is_peer_gone=True))
    finder._link_ended(peer, LinkBroken("what came is no frame"))
    (first_s, first), (second_s, second) = timers.waits
    assert first_s < second_s
    first()
    why = "the other process has closed it"
    assert told.failures == [f"the link to {peer}, which lives, has ended: {why}"]
    finder.unlink(peer)  # by the time that the liar has gone the supervisor has said so
    second()
    assert len(told.failures) == 1
