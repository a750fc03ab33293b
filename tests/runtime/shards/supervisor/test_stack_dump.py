import asyncio
import os

import pytest

from perdure.runtime.shards.supervisor.stack_dump import (
    STACK_SIGNAL,
    TEXT_SIZE_BYTES_MAX,
    StackReader,
    first_dump,
    for_people,
)

OTHER = b'Thread 0x00a1 (most recent call first):\n  File "pool.py", line 1 in run\n\n'
MAIN = b'Current thread 0x00b2 (most recent call first):\n  File "main.py", line 3 in fetch\n'


def test_the_first_dump_is_whole_when_the_second_has_begun() -> None:
    assert first_dump(OTHER + MAIN) is None
    assert first_dump(OTHER + MAIN + OTHER[:20]) == OTHER + MAIN
    assert first_dump(MAIN + MAIN) == MAIN
    assert first_dump(b"") is None


def test_the_thread_that_was_interrupted_comes_first() -> None:
    text = for_people(OTHER + MAIN + OTHER + MAIN)
    assert text.splitlines() == [
        *MAIN.decode().splitlines(),
        "",
        *OTHER.decode().strip().splitlines(),
    ]


def test_half_a_dump_is_better_than_none() -> None:
    assert for_people(MAIN[:60]) == MAIN[:60].decode().rstrip()


async def answer(reader: StackReader, dumps: bytes) -> str:
    """What is read when a process answers with ``dumps``."""
    sent: list[int] = []

    def send_signal(number: int) -> None:
        sent.append(number)
        if len(sent) == 2:
            os.write(reader.writer, dumps)

    text = await reader.read(send_signal, 30 if first_dump(dumps) else 0.05)
    assert sent == [STACK_SIGNAL, STACK_SIGNAL]
    return text


async def test_stacks_are_read_again_and_again_and_apart() -> None:
    reader = StackReader(asyncio.get_running_loop())
    try:
        first = await answer(reader, MAIN + MAIN)
        assert first == MAIN.decode().rstrip()
        os.write(reader.writer, b"what nobody has asked for")
        await asyncio.sleep(0)
        second = await asyncio.gather(answer(reader, OTHER + OTHER), answer(reader, MAIN + MAIN))
        assert "pool.py" in second[0]
        assert second[1] == first
    finally:
        reader.close()
        reader.close()


async def test_who_writes_nothing_is_not_waited_for_and_who_writes_too_much_is_cut() -> None:
    reader = StackReader(asyncio.get_running_loop())
    try:
        assert await answer(reader, b"") == ""
        assert len(await answer(reader, MAIN + b"x" * 60_000)) <= TEXT_SIZE_BYTES_MAX
    finally:
        reader.close()


async def test_the_end_of_the_process_ends_the_waiting() -> None:
    reader = StackReader(asyncio.get_running_loop())
    waiting = asyncio.ensure_future(reader.read(lambda _: None, 3600))
    await asyncio.sleep(0)
    reader.launched()
    async with asyncio.timeout(30):
        assert await waiting == ""
    with pytest.raises(OSError, match="Bad file"):
        os.read(reader._reader, 1)
    reader.close()
