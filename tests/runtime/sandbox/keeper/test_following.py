import asyncio

import pytest

from perdure.runtime.sandbox.asking import Output
from tests.runtime.sandbox.sandboxes import Sandboxes, output_of, text_of

pytestmark = pytest.mark.slow


async def test_two_who_follow_get_the_same(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="seq 1 50000; echo err >&2", process_id="p")
    streams = [sandbox.stream("follow", id="p") for _ in range(2)]
    first, second = await asyncio.gather(*map(output_of, streams))
    assert first == second
    assert first[0] == b"".join(b"%d\n" % number for number in range(1, 50_001))
    assert first[1] == b"err\n"


async def test_a_follower_who_is_slow_misses_what_falls_out_and_is_told_where(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open(log_bytes=100_000)
    command = "echo begin; while [ ! -e go ]; do sleep 0.02; done; seq 1 500000"
    await sandbox.ask("start", command=command, process_id="p")
    async with sandbox.stream("follow", id="p") as stream:
        items = aiter(stream)
        first = await anext(items)
        assert isinstance(first, Output)
        assert first.data == b"begin\n"
        await text_of(sandbox, "touch go")
        await sandbox.ask("wait", id="p")
        came, missed = 0, 0
        async for item in items:
            if isinstance(item, Output):
                came += len(item.data)
            else:
                missed += item["dropped_bytes"]
    assert missed > 0
    assert came + missed == sum(len(str(number)) + 1 for number in range(1, 500_001))


async def test_logs_of_one_that_goes_on_writing_have_an_end(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="yes", process_id="p")
    async with sandbox.stream("logs", id="p") as stream:
        stdout, _, answer = await output_of(stream)
    assert set(stdout) <= set(b"y\n")
    assert answer["status"] == "running"


async def test_who_follows_no_further_is_forgotten(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="yes", process_id="p")
    for _ in range(20):
        async with sandbox.stream("follow", id="p") as stream:
            await anext(aiter(stream))
    assert (await sandbox.ask("process", id="p"))["status"] == "running"
