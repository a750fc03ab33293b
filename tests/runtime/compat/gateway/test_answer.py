"""An answer that is made piece by piece."""

import asyncio

import pytest

from perdure.runtime.compat.gateway.answer import Answer
from perdure.runtime.compat.gateway.errors import ClientDisconnected, ProtocolMisused


async def test_what_is_there_at_once_is_one_piece() -> None:
    answer = Answer("ASGI", asyncio.get_running_loop())
    answer.start(200, [("X-A", "1")])
    await answer.write(b"all", more=False)
    response = answer.response.result()
    assert (response.content, response.headers["X-A"]) == (b"all", "1")
    assert answer.is_complete
    assert answer.ended.done()


async def test_what_follows_streams_in_order() -> None:
    answer = Answer("ASGI", asyncio.get_running_loop())
    answer.start(200, [])
    await answer.write(b"a", more=True)
    response = answer.response.result()
    await answer.write(b"b", more=False)
    assert await response.bytes() == b"ab"


async def test_a_status_without_a_body_has_none() -> None:
    answer = Answer("ASGI", asyncio.get_running_loop())
    answer.start(304, [])
    await answer.write(b"too much", more=True)
    await answer.write(b"", more=False)
    assert answer.response.result().content is None


async def test_a_writer_waits_for_its_reader_and_hears_when_that_goes() -> None:
    answer = Answer("ASGI", asyncio.get_running_loop())
    answer.start(200, [])
    writing = asyncio.ensure_future(answer.write(bytes(200_000), more=True))
    response = await answer.response
    await asyncio.sleep(0)
    assert not writing.done()
    assert response.body is not None
    response.body.cancel()
    with pytest.raises(ClientDisconnected):
        await writing
    with pytest.raises(ClientDisconnected):
        await answer.write(b"", more=False)


async def test_nothing_follows_the_end() -> None:
    answer = Answer("WSGI", asyncio.get_running_loop())
    answer.start(200, [])
    await answer.write(b"", more=False)
    with pytest.raises(ProtocolMisused, match="the WSGI application sends more after the end"):
        await answer.write(b"", more=False)
