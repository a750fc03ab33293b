"""Bodies that somebody may call off while they are read."""

import asyncio

import pytest

from perdure.actors.abortable_body import AbortableBody
from perdure.actors.http import Response
from perdure.actors.pipe import Pipe
from tests.world import turns

ENOUGH = ValueError("enough")


@pytest.fixture
async def pipe() -> Pipe:
    return Pipe(asyncio.get_running_loop())


async def test_it_gives_what_its_source_gives(pipe: Pipe) -> None:
    body = AbortableBody(pipe)
    pipe.push(b"a")
    pipe.end()
    assert [await body.read_chunk() for _ in range(3)] == [b"a", b"", b""]


async def test_an_error_of_the_source_is_the_readers(pipe: Pipe) -> None:
    pipe.end(OSError("lost"))
    with pytest.raises(OSError, match="lost"):
        await AbortableBody(pipe).read_chunk()


async def test_a_read_that_waits_fails_and_the_source_is_let_go(pipe: Pipe) -> None:
    body, let_go = AbortableBody(pipe), list[str]()
    pipe.on_cancel = lambda: let_go.append("let go")
    reading = asyncio.create_task(body.read_chunk())
    await turns()
    body.abort(ENOUGH)
    for read in (reading, body.read_chunk()):
        with pytest.raises(ValueError, match="enough"):
            await read
    assert let_go == ["let go"]


async def test_what_has_come_and_was_not_read_is_gone(pipe: Pipe) -> None:
    body = AbortableBody(pipe)
    pipe.push(b"a")
    reading = asyncio.create_task(body.read_chunk())
    body.abort(ENOUGH)
    body.abort(KeyError("the first one counts"))
    with pytest.raises(ValueError, match="enough"):
        await reading


class Failing:
    """A source that fails once it is cancelled, as a connection does."""

    def __init__(self) -> None:
        self._failed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def read_chunk(self) -> bytes:
        return await self._failed

    def cancel(self, reason: BaseException | None = None) -> None:
        del reason
        self._failed.set_exception(OSError("Connection closed"))


async def test_what_the_source_says_to_its_end_is_not_told() -> None:
    body = AbortableBody(Failing())
    reading = asyncio.create_task(body.read_chunk())
    await turns()
    body.abort(ENOUGH)
    with pytest.raises(ValueError, match="enough") as caught:
        await reading
    assert caught.value.__suppress_context__


async def test_after_its_end_nothing_happens(pipe: Pipe) -> None:
    body, cancelled = AbortableBody(pipe), list[str]()
    pipe.end()
    assert await body.read_chunk() == b""
    pipe.on_cancel = lambda: cancelled.append("cancelled")
    body.abort(ENOUGH)
    assert await body.read_chunk() == b""
    assert cancelled == []


async def test_whoever_wants_no_more_is_not_told_of_it_either(pipe: Pipe) -> None:
    body = AbortableBody(pipe)
    body.cancel()
    body.abort(ENOUGH)
    assert await body.read_chunk() == b""


async def test_an_answer_that_is_all_here_is_called_off_too() -> None:
    answer = Response("all of it")
    body = AbortableBody.of(answer)
    assert body is not None
    body.abort(ENOUGH)
    with pytest.raises(ValueError, match="enough"):
        await answer.text()
    assert await Response("all of it").text() == "all of it"


async def test_without_a_body_to_read_there_is_nothing_to_call_off() -> None:
    read = Response("all of it")
    await read.text()
    assert AbortableBody.of(read) is AbortableBody.of(Response(None)) is None
