"""What routers tell of requests, and what the supervisor reads."""

import asyncio

import pytest

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.request_lines import BATCH_LENGTH_MAX, RequestLines, read_requests
from perdure.storage.errors import InternalError
from tests.runtime.shards.link.ends import until


async def test_what_comes_in_a_while_is_told_together_and_in_order() -> None:
    told: list[bytes] = []
    lines = RequestLines(told.append, asyncio.get_running_loop())
    records = [RequestRecord("GET", f"/{number}", 200, 0.5) for number in range(100)]
    for record in records:
        lines(record)
    assert told == []
    await until(lambda: told)
    [data] = told
    assert read_requests(data) == records


async def test_long_paths_are_told_in_several_messages() -> None:
    told: list[bytes] = []
    lines = RequestLines(told.append, asyncio.get_running_loop())
    record = RequestRecord("GET", "/" + "x" * 60_000, 404, 0.5)
    for _ in range(12):
        lines(record)
    lines.flush()
    assert [record for data in told for record in read_requests(data)] == [record] * 12
    assert len(told) == 3
    assert max(map(len, told)) < 2 * BATCH_LENGTH_MAX


async def test_nothing_is_told_twice_or_when_there_is_nothing() -> None:
    told: list[bytes] = []
    lines = RequestLines(told.append, asyncio.get_running_loop())
    lines.flush()
    assert told == []
    lines(RequestRecord("GET", "/", 200, 0.5))
    lines.flush()
    lines.flush()
    assert len(told) == 1


async def test_a_path_need_not_be_utf_8() -> None:
    told: list[bytes] = []
    lines = RequestLines(told.append, asyncio.get_running_loop())
    record = RequestRecord("GET", b"/\xff".decode(errors="surrogateescape"), 200, 0.5)
    lines(record)
    lines.flush()
    assert read_requests(told[0]) == [record]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", b"\x91\x92\x01\x02"])
def test_who_tells_of_something_else_is_not_believed(data: bytes) -> None:
    with pytest.raises(InternalError):
        read_requests(data)
