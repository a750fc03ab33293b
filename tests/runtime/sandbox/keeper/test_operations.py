import asyncio

import pytest

from perdure.runtime.sandbox.asking import Output, SandboxRefused
from tests.runtime.sandbox.sandboxes import (
    WAIT_S,
    Sandboxes,
    is_alive,
    next_output,
    output_of,
    output_until,
    run,
    run_out_of_time,
    text_of,
    until,
)

pytestmark = pytest.mark.slow


async def test_a_command_writes_to_both_streams_apart_and_in_order(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 7"
    stdout, stderr, answer = await run(sandbox, command)
    assert stdout == b"out 1\nout 2\nout 3\n"
    assert stderr == b"err 1\nerr 2\nerr 3\n"
    assert answer == {"exit_code": 7, "signal": None, "timed_out": False}


async def test_output_is_whatever_bytes_the_command_writes(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    stdout, _, _ = await run(sandbox, r"printf '\000\377\376\n\200'; head -c 300000 /dev/zero")
    assert stdout == b"\x00\xff\xfe\n\x80" + bytes(300_000)


async def test_a_command_that_a_signal_ends_says_which(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    _, _, answer = await run(sandbox, "kill -SEGV $$")
    assert answer == {"exit_code": 139, "signal": "SIGSEGV", "timed_out": False}


async def test_a_command_that_does_not_exist_ends_as_in_a_shell(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    _, stderr, answer = await run(sandbox, "no-such-program")
    assert answer["exit_code"] == 127
    assert b"not found" in stderr


async def test_a_command_has_its_own_variables_and_folder(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(env={"A": "sandbox", "B": "sandbox"})
    await sandbox.ask("mkdir", path="below")
    stdout, _, _ = await run(sandbox, "echo $A $B; pwd", env={"B": "ö $x"}, cwd="below")
    assert stdout.decode().split("\n")[0] == "sandbox ö $x"
    assert stdout.decode().split("\n")[1].endswith("/workspace/below")
    await sandbox.ask("settings", env={"A": None, "C": "later"})
    assert await text_of(sandbox, "echo [$A] $C") == "[] later"


async def test_a_command_inherits_nothing_of_the_server(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = await sandboxes.open()
    names = {line.split("=")[0] for line in (await text_of(sandbox, "env")).splitlines()}
    assert names <= {"PATH", "HOME", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    assert await text_of(sandbox, "ls /proc/self/fd | wc -l") == "4"  # and the one of ls


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"command": "true", "cwd": "/no/such/folder"}, "FILE_NOT_FOUND"),
        ({"command": ""}, "VALIDATION_FAILED"),
        ({"command": 5}, "VALIDATION_FAILED"),
        ({"command": "true", "env": {"A": 5}}, "VALIDATION_FAILED"),
        ({"command": "true", "env": {"A=B": "x"}}, "VALIDATION_FAILED"),
        ({"command": "true", "env": ["A"]}, "VALIDATION_FAILED"),
        ({"command": "tr\0ue"}, "VALIDATION_FAILED"),
        ({"command": "true", "timeout_s": -1}, "VALIDATION_FAILED"),
    ],
)
async def test_a_command_that_cannot_be_started_is_refused(
    sandboxes: Sandboxes, fields: dict[str, object], code: str
) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("exec", **fields)
    assert caught.value.code == code
    assert await text_of(sandbox, "echo goes on") == "goes on"


async def test_standard_input_is_streamed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("exec", command="cat", stdin=True) as stream:
        items = aiter(stream)
        await stream.write(b"first\n")
        assert await next_output(items) == b"first\n"
        await stream.write(b"second\n")
        assert await next_output(items) == b"second\n"
        stream.end()
        assert (await stream.answer())["exit_code"] == 0


async def test_more_input_than_there_is_room_for_waits_until_it_is_read(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("exec", command="sleep 0.2; wc -c", stdin=True) as stream:
        await stream.write(bytes(3_000_000))
        stream.end()
        stdout, _, _ = await output_of(stream)
    assert stdout.strip() == b"3000000"


async def test_input_that_nobody_reads_does_not_stop_who_writes_it(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("exec", command="exec <&-; sleep 0.1", stdin=True) as stream:
        await stream.write(bytes(2_000_000))
        assert (await stream.answer())["exit_code"] == 0


async def test_without_input_a_command_reads_nothing(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    assert await text_of(sandbox, "cat | wc -c") == "0"


async def test_a_time_that_is_over_ends_all_of_the_group(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "bash -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & wait"
    stdout, answer = await run_out_of_time(sandbox, command)
    assert answer["signal"] == "SIGTERM"
    until(lambda: not is_alive(int(stdout)))


async def test_a_time_that_is_over_ends_what_does_not_listen(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    _, answer = await run_out_of_time(sandbox, command)
    assert answer == {"exit_code": 137, "signal": "SIGKILL", "timed_out": True}


async def test_a_command_that_nobody_waits_for_any_more_is_ended(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("exec", command="echo $$; exec sleep 1000") as stream:
        pid = int(await next_output(aiter(stream)))
        assert is_alive(pid)
    until(lambda: not is_alive(pid))


async def test_output_without_end_waits_for_its_reader(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    total = 0
    async with sandbox.stream("exec", command="yes") as stream:
        async for item in stream:
            assert isinstance(item, Output) or "pid" not in item
            total += len(item.data) if isinstance(item, Output) else 0
            if total > 20_000_000:
                break
    assert await text_of(sandbox, "echo goes on") == "goes on"


async def test_a_command_whose_reader_has_gone_ends_and_costs_nobody_the_sandbox(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    count = "ls /proc/$PPID/fd | wc -l"
    before = await text_of(sandbox, count)
    async with sandbox.stream("exec", command="yes") as stream:
        await next_output(aiter(stream))
        await sandbox.ask("exec", command="sleep 0.2")  # its window is full
    async with asyncio.timeout(WAIT_S):
        while await text_of(sandbox, count) != before:
            await asyncio.sleep(0.01)


async def test_what_a_command_leaves_behind_goes_on_and_may_write(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "(sleep 0.2; head -c 500000 /dev/zero; echo done > after) & echo begun"
    assert await text_of(sandbox, command) == "begun"
    until_command = "while [ ! -e after ]; do sleep 0.02; done; cat after"
    assert await text_of(sandbox, until_command) == "done"


async def test_a_process_goes_on_and_is_known(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    begun = await sandbox.ask("start", command="echo hello; sleep 1000", process_id="server")
    assert begun["id"] == "server"
    [record] = (await sandbox.ask("processes"))["processes"]
    assert record["id"] == "server"
    assert record["status"] == "running"
    assert record["pid"] == begun["pid"]
    assert is_alive(begun["pid"])
    await sandbox.ask("kill", id="server", signal="SIGKILL")
    assert (await sandbox.ask("wait", id="server"))["signal"] == "SIGKILL"
    record = await sandbox.ask("process", id="server")
    assert record["status"] == "killed"
    assert record["exit_code"] == 137
    assert record["ended_at"] >= record["started_at"]
    assert await sandbox.ask("forget_ended") == {"forgotten": 1}
    assert await sandbox.ask("processes") == {"processes": []}


async def test_no_two_processes_that_run_have_one_name(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="sleep 1000", process_id="server")
    with pytest.raises(SandboxRefused, match="runs already"):
        await sandbox.ask("start", command="true", process_id="server")
    await sandbox.ask("kill", id="server")
    await sandbox.ask("wait", id="server")
    await sandbox.ask("start", command="true", process_id="server")
    assert (await sandbox.ask("wait", id="server"))["exit_code"] == 0


@pytest.mark.parametrize("op", ["process", "kill", "logs", "follow", "wait"])
async def test_a_process_that_nobody_started_is_not_found(sandboxes: Sandboxes, op: str) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask(op, id="nobody")
    assert caught.value.code == "PROCESS_NOT_FOUND"


async def test_logs_are_what_was_written_so_far(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="echo out; echo err >&2; sleep 1000", process_id="p")
    async with sandbox.stream("follow", id="p") as stream:
        items = aiter(stream)
        assert {await next_output(items) for _ in range(2)} == {b"out\n", b"err\n"}
    async with sandbox.stream("logs", id="p") as stream:
        stdout, stderr, answer = await output_of(stream)
    assert (stdout, stderr) == (b"out\n", b"err\n")
    assert answer["status"] == "running"
    assert answer["dropped_bytes"] == 0


async def test_who_follows_gets_what_was_written_and_what_comes(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "echo before; while [ ! -e go ]; do sleep 0.02; done; echo after; exit 3"
    await sandbox.ask("start", command=command, process_id="p")
    async with sandbox.stream("follow", id="p") as stream:
        items = aiter(stream)
        assert await next_output(items) == b"before\n"
        await text_of(sandbox, "touch go")
        assert await next_output(items) == b"after\n"
        assert (await stream.answer())["exit_code"] == 3


async def test_output_that_nobody_reads_is_bounded_and_its_oldest_dropped(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open(log_bytes=200_000)
    await sandbox.ask("start", command="seq 1 400000", process_id="p")
    await sandbox.ask("wait", id="p")
    async with sandbox.stream("follow", id="p") as stream:
        items = [item async for item in stream]
    marks = [item for item in items if not isinstance(item, Output)]
    kept = b"".join(item.data for item in items if isinstance(item, Output))
    assert items[0] == marks[0]
    assert len(kept) <= 200_000
    assert kept.endswith(b"\n399999\n400000\n")
    whole = sum(len(str(number)) + 1 for number in range(1, 400_001))
    assert marks == [{"dropped_bytes": whole - len(kept)}]


async def test_kill_all_ends_daemons_as_well(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    daemon = "setsid bash -c 'trap \"\" TERM HUP; echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &"
    await run(sandbox, daemon)
    pid = int(await text_of(sandbox, "while [ ! -s pid ]; do sleep 0.02; done; cat pid"))
    await sandbox.ask("start", command="sleep 1000", process_id="p")
    assert is_alive(pid)
    answer = await sandbox.ask("kill_all")
    assert answer["killed"] == 1
    assert answer["of_all"] >= 2
    until(lambda: not is_alive(pid))
    assert (await sandbox.ask("wait", id="p"))["signal"] == "SIGKILL"
    assert await text_of(sandbox, "echo goes on") == "goes on"


async def test_a_terminal_is_one(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("terminal", cols=101, rows=31, command="tty; stty size") as stream:
        whole, _, answer = await output_of(stream)
    assert whole.decode().splitlines()[0].startswith("/dev/pts/")
    assert whole.decode().splitlines()[1] == "31 101"
    assert answer["exit_code"] == 0


async def test_a_terminal_takes_what_is_typed_and_changes_its_size(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    command = "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done"
    async with sandbox.stream("terminal", cols=80, rows=24, command=command) as stream:
        items = aiter(stream)
        assert await output_until(items, b"\n") == b"ready\r\n"
        stream.tell({"cols": 120, "rows": 40})
        assert await output_until(items, b"\n") == b"40 120\r\n"
        assert (await stream.answer())["exit_code"] == 5


async def test_a_shell_does_what_is_typed_and_ends_as_it_is_told(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("terminal", env={"PS1": "> "}) as stream:
        await stream.write(b"echo $((20 + 3)) $TERM\nexit 7\n")
        whole, _, answer = await output_of(stream)
    assert b"23 xterm-256color" in whole
    assert answer["exit_code"] == 7


async def test_who_hangs_up_ends_the_shell(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("terminal", command="exec bash --norc") as stream:
        items = aiter(stream)
        await output_until(items, b"bash-")
        stream.end()
        answer = await stream.answer()
    assert answer["signal"] == "SIGHUP" or answer["exit_code"] in {0, 1, 129}


async def test_an_operation_that_there_is_not_is_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused, match="There is no operation 'conquer'"):
        await sandbox.ask("conquer")


async def test_many_commands_run_at_once(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    texts = await asyncio.gather(*(text_of(sandbox, f"echo {i}") for i in range(30)))
    assert texts == [str(i) for i in range(30)]


async def test_nothing_is_lost_of_output_that_is_waited_for(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(log_bytes=1)
    async with sandbox.stream("exec", command="seq 1 300000; seq 1 9 >&2") as stream:
        await sandbox.ask("exec", command="sleep 0.2")  # it has to wait
        stdout, stderr, _ = await output_of(stream)
    assert stdout == b"".join(b"%d\n" % number for number in range(1, 300_001))
    assert stderr == b"".join(b"%d\n" % number for number in range(1, 10))


async def test_behind_a_wall_all_of_it_is_the_same(walled: Sandboxes) -> None:
    sandbox = await walled.open(env={"A": "b"})
    assert await text_of(sandbox, "echo $A; pwd; id -u") == "b\n/workspace\n1000"
    async with sandbox.stream("terminal", cols=90, rows=20, command="stty size") as stream:
        assert (await output_of(stream))[0] == b"20 90\r\n"
    async with sandbox.stream("watch") as stream:
        items = aiter(stream)
        assert await anext(items) == {"watching": "/workspace"}
        await text_of(sandbox, "touch file")
        assert b'"/workspace/file"' in await next_output(items)
    await run(sandbox, "setsid sleep 1000 >/dev/null 2>&1 & setsid sleep 1000 >/dev/null 2>&1 &")
    await sandbox.ask("start", command="sleep 1000", process_id="p")
    assert (await sandbox.ask("kill_all"))["of_all"] >= 3
    assert (await sandbox.ask("wait", id="p"))["signal"] == "SIGKILL"
    await text_of(sandbox, "while ps ax | grep -q '[s]leep 1000'; do sleep 0.02; done")
    _, _, answer = await run(sandbox, "trap '' TERM; while :; do sleep 0.1; done", timeout_s=0.2)
    assert answer["timed_out"] is True
    async with sandbox.stream("archive") as stream:
        stream.end()
        assert b"./file" in (await output_of(stream))[0]
