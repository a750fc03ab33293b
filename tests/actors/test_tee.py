"""Two readers of one stream."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.body import StreamSource
from perdure.actors.tee import Branch, Tee


class ListSource:
    """Gives chunks, then an error or the end; each after it was asked for and let go on."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.cancelled: list[BaseException | None] = []
        self.is_reading = False

    async def read_chunk(self) -> bytes:
        assert not self.is_reading, "one call at a time"
        self.is_reading = True
        try:
            await asyncio.sleep(0)
        finally:
            self.is_reading = False
        if self.chunks:
            return self.chunks.pop(0)
        if self.error is not None:
            raise self.error
        return b""

    def cancel(self, reason: BaseException | None = None) -> None:
        self.cancelled.append(reason)


async def rest_of(source: StreamSource) -> list[bytes]:
    found = []
    while chunk := await source.read_chunk():
        found.append(chunk)
    return found


async def test_both_branches_give_all_chunks_one_after_the_other() -> None:
    one, other = Tee(ListSource([b"a", b"b"])).split()
    assert await rest_of(one) == [b"a", b"b"]
    assert await rest_of(other) == [b"a", b"b"]
    assert await one.read_chunk() == b""


async def test_both_branches_can_be_read_at_once() -> None:
    one, other = Tee(ListSource([b"a", b"b", b"c"])).split()
    found = await asyncio.gather(rest_of(one), rest_of(other))
    assert list(found) == [[b"a", b"b", b"c"]] * 2


async def test_an_error_reaches_both_branches_after_what_came_before() -> None:
    one, other = Tee(ListSource([b"a"], ValueError("broken"))).split()
    for branch in (one, other):
        assert await branch.read_chunk() == b"a"
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                await branch.read_chunk()


async def test_the_source_is_cancelled_when_both_branches_are() -> None:
    source = ListSource([b"a", b"b"])
    one, other = Tee(source).split()
    one.cancel()
    one.cancel()
    assert source.cancelled == []
    assert await other.read_chunk() == b"a"
    reason = ValueError("enough")
    other.cancel(reason)
    assert source.cancelled == [reason]


async def test_nothing_is_kept_for_a_branch_that_was_cancelled() -> None:
    one, other = Tee(ListSource([b"a", b"b"])).split()
    await other.read_chunk()
    assert list(one.waiting) == [b"a"]
    one.cancel()
    await other.read_chunk()
    assert list(one.waiting) == []


async def test_a_cancelled_read_costs_the_other_branch_nothing() -> None:
    one, other = Tee(ListSource([b"a", b"b"])).split()
    reading = asyncio.ensure_future(one.read_chunk())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await rest_of(other) == [b"a", b"b"]
    assert await rest_of(one) == [b"a", b"b"]


@given(st.lists(st.binary(min_size=1, max_size=3)), st.lists(st.booleans()))
def test_whatever_the_order_of_reading_both_get_the_same(
    chunks: list[bytes], order: list[bool]
) -> None:
    async def run() -> None:
        branches = Tee(ListSource(chunks)).split()
        found: dict[Branch, list[bytes]] = {branch: [] for branch in branches}
        for which in order:
            branch = branches[which]
            if chunk := await branch.read_chunk():
                found[branch].append(chunk)
        for branch in branches:
            assert found[branch] + await rest_of(branch) == chunks

    asyncio.run(run())
