"""Terminals that stay, as a keeper has them."""

import asyncio
from typing import Any

import pytest

from perdure.runtime.sandbox.asking import Output, SandboxRefused, SandboxStream
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.keeper.rings import Ring
from perdure.runtime.sandbox.keeper.terminals import KEPT_MAX, SHOWN_BYTES, _begin
from perdure.runtime.sandbox.wire import STDOUT, WINDOW_BYTES
from tests.runtime.sandbox.sandboxes import Sandboxes, stalled, text_of

SHELL = {"command": "exec sh", "env": {"PS1": "> "}}


def look(sandbox: SandboxConnection, name: str = "t", **more: Any) -> SandboxStream:
    return sandbox.stream("terminal", **{"id": name, **SHELL, **more})


async def shown(stream: SandboxStream, text: bytes) -> bytes:
    """All that is shown until a text is."""
    whole = b""
    async for item in stream:
        whole += item.data if isinstance(item, Output) else b""
        if text in whole:
            return whole
    raise AssertionError(f"it ended with {await stream.answer()} behind {whole!r}")


async def told(stream: SandboxStream) -> Any:
    return await anext(aiter(stream))


@pytest.mark.slow
async def test_who_comes_back_finds_the_same_shell_and_what_it_has_shown(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as stream:
        first = await told(stream)
        assert first["is_new"] is True
        await stream.write(b"x=here; echo one$((1))\n")
        await shown(stream, b"one1\r\n")
    async with look(sandbox) as stream:
        again = await told(stream)
        assert again == {"pid": first["pid"], "is_new": False}
        await shown(stream, b"one1\r\n")
        await stream.write(b"echo still-$x\n")
        await shown(stream, b"still-here\r\n")


@pytest.mark.slow
async def test_a_shell_goes_on_while_nobody_looks(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as stream:
        await stream.write(b"until [ -e go ]; do sleep 0.02; done; seq 1 200000; touch done\n")
        await shown(stream, b"touch done\r\n")
    await text_of(sandbox, "touch go")
    await text_of(sandbox, "until [ -e done ]; do sleep 0.02; done")
    async with look(sandbox) as stream:
        whole = await shown(stream, b"\r\n200000\r\n")
    assert len(whole) <= SHOWN_BYTES
    lines = whole.split(b"\r\n")
    assert lines[0].isdigit(), "it begins with a whole line"
    assert b"\r\n".join(lines[:-1]).endswith(b"199999\r\n200000")


@pytest.mark.slow
async def test_all_who_look_see_the_same_and_may_type(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as one, look(sandbox) as other:
        await one.write(b"echo first$((1))\n")
        await shown(other, b"first1\r\n")
        await other.write(b"echo second$((2))\n")
        await shown(one, b"second2\r\n")
        await other.write(b"exit 5\n")
        for stream in (one, other):
            assert (await stream.answer())["exit_code"] == 5


@pytest.mark.slow
async def test_a_shell_that_has_ended_is_followed_by_a_new_one(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as stream:
        await stream.write(b"echo last words; exit 3\n")
        await shown(stream, b"last words\r\n")
        assert (await stream.answer())["exit_code"] == 3
    async with look(sandbox) as stream:
        assert (await told(stream))["is_new"] is True


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "echo ready; exec sh",
        "trap '' HUP TERM; echo ready; while :; do sleep 0.05; done",
        "echo ready; exec yes",
    ],
)
async def test_one_may_hang_up_for_all(sandboxes: Sandboxes, command: str) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox, command=command) as one, look(sandbox) as other:
        await shown(other, b"ready\r\n")
        one.end()
        await other.write(b"typed into nothing\n" * 1000)
        for stream in (one, other):
            assert (await stream.answer())["exit_code"] is not None
    async with look(sandbox) as stream:
        assert (await told(stream))["is_new"] is True


@pytest.mark.slow
async def test_the_window_of_who_comes_last_is_its_size(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox, cols=70, rows=20) as one:
        await one.write(b"stty size\n")
        await shown(one, b"20 70\r\n")
        async with look(sandbox, cols=90, rows=30) as other:
            await other.write(b"stty size\n")
            await shown(other, b"30 90\r\n")
            one.tell({"cols": 71, "rows": 21})
            await one.write(b"stty size\n")
            await shown(other, b"21 71\r\n")


@pytest.mark.slow
@pytest.mark.parametrize("size", [{"cols": 0, "rows": 1}, {"cols": "1", "rows": 1}, {"cols": 1}])
async def test_a_size_that_there_is_not_is_the_fault_of_who_says_it(
    sandboxes: Sandboxes, size: dict[str, Any]
) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as one, look(sandbox) as other:
        await told(other)
        other.tell(size)
        with pytest.raises(SandboxRefused, match="is a number from 1 to") as caught:
            await other.answer()
        assert caught.value.code == "VALIDATION_FAILED"
        await one.write(b"echo goes on$((1))\n")
        await shown(one, b"goes on1\r\n")


@pytest.mark.slow
async def test_a_shell_that_writes_waits_for_who_looks_and_not_for_who_has_gone(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as slow:
        await slow.write(b"seq 1 300000; touch done\n")
        await shown(slow, b"touch done\r\n")
        async with look(sandbox) as other:
            seen = 0

            async def watch() -> None:
                nonlocal seen
                async for item in other:
                    seen += len(item.data) if isinstance(item, Output) else 0

            watching = asyncio.create_task(watch())
            await stalled(lambda: seen)
            assert 0 < seen < 2 * SHOWN_BYTES
            watching.cancel()
    await text_of(sandbox, "until [ -e done ]; do sleep 0.02; done")


@pytest.mark.slow
async def test_the_slowest_of_those_who_look_misses_nothing(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with look(sandbox) as slow, look(sandbox) as other:
        await slow.write(b"seq 1 200000\n")
        whole = await shown(slow, b"200000\r\n")
        watching = asyncio.create_task(shown(other, b"\r\n200000\r\n"))
        await stalled(watching.done)
        whole += await shown(slow, b"\r\n200000\r\n")
        await watching
    numbers = [int(line) for line in whole.split(b"\r\n") if line.isdigit()]
    assert numbers[0] <= 2, "a shell may write something of its own into the first line"
    assert numbers == [*range(numbers[0], 200_001)]


@pytest.mark.slow
async def test_what_is_typed_faster_than_it_is_read_waits(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    count, line = 3 * WINDOW_BYTES // 64, b"x" * 63 + b"\n"
    command = "stty -echo; echo ready; until [ -e go ]; do sleep 0.02; done; head -c %d | wc -c"
    async with look(sandbox, command=command % (count * len(line))) as stream:
        await shown(stream, b"ready\r\n")
        typing = asyncio.create_task(stream.write(line * count))
        await text_of(sandbox, "touch go")
        await typing
        await shown(stream, b"%d\r\n" % (count * len(line)))


@pytest.mark.slow
async def test_there_are_only_so_many(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    for number in range(KEPT_MAX):
        async with look(sandbox, f"t{number}", command="exec sleep 1000") as stream:
            await told(stream)
    with pytest.raises(SandboxRefused, match="stay in this sandbox already"):
        await look(sandbox, "one more").answer()
    async with look(sandbox, "t0") as stream:
        await sandbox.ask("kill_all")
        assert (await stream.answer())["signal"] == "SIGKILL"
    async with look(sandbox, "one more") as stream:
        assert (await told(stream))["is_new"] is True


@pytest.mark.slow
async def test_one_that_cannot_start_is_told_and_forgotten(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await look(sandbox, cwd="/does/not/exist").answer()
    assert caught.value.code == "FILE_NOT_FOUND"
    async with look(sandbox) as stream:
        assert (await told(stream))["is_new"] is True


def test_who_comes_late_begins_with_a_whole_line() -> None:
    shown = Ring(SHOWN_BYTES)
    shown.append(STDOUT, b"all of it")
    assert _begin(shown) == 0
    lines = b"".join(b"%0200d\n" % number for number in range(SHOWN_BYTES // 100))
    for start in range(0, len(lines), 5000):  # whole lines begin elsewhere
        shown.append(STDOUT, lines[start : start + 5000])
        if shown.start:
            piece = shown.read(_begin(shown), WINDOW_BYTES)
            assert piece is not None
            assert len(piece.data.split(b"\n")[0]) == 200
    assert shown.start > 0
