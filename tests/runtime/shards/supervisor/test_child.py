import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.shards.supervisor.process import Program
from perdure.runtime.shards.supervisor.states import ChildState
from tests.runtime.shards.supervisor.children import PATIENT, PROGRAM, Children, Hearer, until_gone

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]
on_both_loops = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])

# Not so soon that a child counts as deaf that only waits for its turn on a busy machine.
SOON_DEAF = SupervisionLimits(ping_interval_s=0.1, silence_report_s=1.0, silence_max_s=None)
SOON_REPLACED = SupervisionLimits(
    ping_interval_s=0.05, silence_report_s=0.1, silence_max_s=0.3, stopped_max_s=0.3
)


@on_both_loops
async def test_a_child_goes_its_way_and_ends_in_good_order(
    children: Children, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    child = children.launch()
    listening = socket.create_server(("127.0.0.1", 0))
    identity = children.next_identity()
    settings = json.dumps({"journal": str(journal)}).encode()
    await child.make_ready(identity, settings, [listening])
    info = json.loads(child.info)
    assert info == {"pid": child.pid, "variables": []}
    assert listening.fileno() >= 0
    listening.close()
    child.begin_to_serve()
    await child.until_serving()
    assert child.statistics().state is ChildState.SERVING
    assert child.statistics().generation == identity.generation
    child.tell(b"hello")
    assert await children.next_said("told") == "hello"
    near, far = socket.socketpair()
    peer = Identity(Place(Role.ROUTER, "0"), 9)
    child.link(peer, far)
    near.settimeout(30)
    with near:
        assert near.recv(1000) == str(identity).encode()
    assert await child.ask_statistics(30) == json.dumps({"links": [str(peer)]}).encode()
    child.unlink(peer)
    assert await children.next_said("unlinked") == str(peer)
    os.kill(child.pid, signal.SIGTERM)  # is not for it
    assert await child.drain(30)
    await child.stop()
    assert child.failure is None
    words = [line.split()[0] for line in journal.read_text().splitlines()]
    assert words == ["ready", "serving", "draining", "drained", "stopped"]
    assert children.states == [
        ChildState.SPARE,
        ChildState.STARTING,
        ChildState.READY,
        ChildState.OPENING,
        ChildState.SERVING,
        ChildState.DRAINING,
        ChildState.STOPPING,
        ChildState.DEAD,
    ]


async def test_a_child_has_no_descriptor_that_is_not_meant_for_it(
    children: Children, tmp_path: Path
) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        child = await children.serving()
        child.tell(b"descriptors")
        inherited = await children.next_said("descriptors")
    assert str(tmp_path / "secret") not in inherited
    assert inherited.count("/dev/null") == 1  # its standard input


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"prepare": "fail"}, "ModuleNotFoundError: No module named 'no_such_module'"),
        ({"prepare": "refuse"}, "main.py has no class Room\nValueError: the cause"),
        ({"prepare": "system_exit"}, "SystemExit: 3"),
        ({"prepare": "exit"}, "it ended with status 7"),
    ],
)
async def test_one_that_cannot_get_ready_says_why_and_is_reaped(
    children: Children, settings: dict[str, str], why: str
) -> None:
    child = children.launch()
    with pytest.raises(ChildFailed) as caught:
        await child.make_ready(children.next_identity(), json.dumps(settings).encode())
    assert why in caught.value.why
    assert child.state is ChildState.DEAD
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_one_that_cannot_take_over_says_why(children: Children) -> None:
    with pytest.raises(ChildFailed, match=r"worker 0 .* the log is damaged"):
        await children.serving(serve="fail")


async def test_one_that_takes_too_long_is_ended_with_its_stack_as_the_reason(
    children: Children,
) -> None:
    child = children.launch(SupervisionLimits(ping_interval_s=3600, start_timeout_s=2.0))
    with pytest.raises(ChildFailed) as caught:
        await child.make_ready(children.next_identity(), b'{"prepare": "sleep"}')
    assert "it was not ready after 2 s" in caught.value.why
    assert "in blocking_user_code" in caught.value.why
    assert child.state is ChildState.DEAD


@on_both_loops
@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("exit", "it ended with status 7"),
        ("segfault", "it ended with SIGSEGV"),
        ("fail", "the disk is full"),
        ("fail at length", "xxxthe disk is full"),
        ("raise", "ValueError: told badly"),
    ],
)
async def test_it_is_known_why_one_that_served_has_gone(
    children: Children, word: str, why: str
) -> None:
    child = await children.serving()
    child.tell(word.encode())
    await child.until_reaped()
    assert why in str(child.failure)
    assert child.statistics().state is ChildState.DEAD
    child.tell(b"to nobody")
    assert await child.ask_statistics(0.01) is None


async def test_one_that_hangs_up_is_ended(children: Children) -> None:
    limits = SupervisionLimits(ping_interval_s=3600, stop_timeout_s=0.1)
    child = await children.serving(limits)
    child.tell(b"hang up")
    await child.until_reaped()
    assert child.failure == "it ended with SIGKILL"


async def test_one_that_does_not_end_when_told_is_killed(children: Children) -> None:
    limits = SupervisionLimits(ping_interval_s=3600, stop_timeout_s=0.1)
    child = await children.serving(limits, stop="hang")
    await child.stop()
    assert child.state is ChildState.DEAD
    assert ChildState.KILLED in children.states


async def test_draining_ends_at_its_deadline(children: Children) -> None:
    child = await children.serving(drain="never")
    assert not await child.drain(0.05)
    await child.stop()
    assert child.failure is None


async def test_what_user_code_has_started_goes_with_it(children: Children) -> None:
    child = await children.serving()
    child.tell(b"grandchild")
    await until_gone(await children.next_said("grandchild"), child.kill)


@on_both_loops
@pytest.mark.parametrize("word", ["sleep", "spin"])
async def test_the_stack_of_one_that_hangs_shows_what_blocks_it(
    children: Children, logged: Hearer, word: str
) -> None:
    child = await children.serving(SOON_DEAF)
    child.tell(word.encode())
    record = await logged.next("child.silent")
    assert "ing_user_code" in str(record.stack_info)
    assert "program.py" in str(record.stack_info).splitlines()[1]
    assert vars(record)["child"] == "worker 0 of generation 1"
    assert child.last_stack == record.stack_info
    assert child.state is ChildState.SERVING


async def test_one_that_is_stopped_is_silent_and_then_answers_again(
    children: Children, logged: Hearer
) -> None:
    child = await children.serving(SOON_DEAF)
    os.kill(child.pid, signal.SIGSTOP)
    record = await logged.next("child.silent")
    assert "SIGSTOP" in str(record.stack_info)
    os.kill(child.pid, signal.SIGCONT)
    assert vars(await logged.next("child.answers_again"))["silent_s"] >= 1.0
    assert child.statistics().silent_s < 1.0


@on_both_loops
@pytest.mark.parametrize("how", ["stop", "spin"])
async def test_one_that_does_not_answer_any_more_is_replaced(children: Children, how: str) -> None:
    child = await children.serving(SOON_REPLACED)
    if how == "stop":
        os.kill(child.pid, signal.SIGSTOP)
    else:
        child.tell(b"spin")
    await child.until_reaped()
    assert str(child.failure).startswith("it did not answer for 0.3 s:\n")


async def test_one_that_is_stopped_before_it_serves_is_replaced_without_waiting_for_its_limits(
    children: Children,
) -> None:
    child = children.launch(SOON_REPLACED)
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildFailed) as caught:
        await child.make_ready(children.next_identity(), b"{}")
    assert caught.value.why.startswith("it did not answer for 0.3 s:\n")
    assert "SIGSTOP" in caught.value.why


async def test_a_process_of_another_version_is_refused_with_a_clear_text(
    children: Children,
) -> None:
    code = (
        "import runpy, perdure.runtime.shards.version as version; version.VERSION = '9.9';"
        f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    )
    child = children.launch(what=Program([sys.executable, "-c", code]))
    with pytest.raises(ChildFailed) as caught:
        await child.make_ready(children.next_identity(), b"")
    assert "the other process runs perdure '9.9'" in caught.value.why
    assert "Stop the server and start it again" in caught.value.why


async def test_a_program_that_is_no_child_of_a_supervisor_fails_by_its_output(
    children: Children,
) -> None:
    child = children.launch(what=Program([sys.executable, "-c", "raise SystemExit(4)"]))
    with pytest.raises(ChildFailed, match="it ended with status 4"):
        await child.make_ready(children.next_identity(), b"")


async def test_what_cannot_be_started_raises_and_leaves_nothing_open(children: Children) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        children.launch(what=Program(["/no/such/program"]))
    assert os.listdir("/proc/self/fd") == before


@on_both_loops
async def test_an_end_leaves_nothing_open(children: Children) -> None:
    async def once() -> None:
        child = children.launch()
        child.kill()
        await child.until_reaped()

    await once()
    before = len(os.listdir("/proc/self/fd"))
    await once()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_who_waits_for_one_that_is_told_to_end_hears_of_it(children: Children) -> None:
    child = children.launch(PATIENT)
    waiting = asyncio.ensure_future(
        child.make_ready(children.next_identity(), b'{"prepare": "wait"}')
    )
    while child.state is not ChildState.STARTING:
        await asyncio.wait({child._pulse})
    await child.stop()
    with pytest.raises(ChildFailed, match="it was told to end"):
        await waiting
