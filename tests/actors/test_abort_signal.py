"""Signals that something is called off; tests/conformance/test_rpc.py sends them."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.abort_signal import AbortSignal, payload_of, reason_of
from perdure.actors.body import BodyStream, BytesSource
from perdure.actors.pipe import Pipe
from perdure.storage.errors import ValueCorrupt


async def test_its_function_says_when_and_why() -> None:
    time = asyncio.Event()

    async def wait() -> str:
        await time.wait()
        return "enough"

    signal = AbortSignal(wait)
    waiting = [asyncio.create_task(signal.wait()) for _ in range(2)]
    time.set()
    assert [await each for each in waiting] == ["enough", "enough"]


async def test_one_that_was_called_off_says_so_at_once() -> None:
    error = ValueError("why")
    signal = AbortSignal.aborted(error)
    assert signal.is_aborted
    assert signal.reason is await signal.wait() is error


async def test_one_that_was_sent_is_told_by_its_stream() -> None:
    pipe = Pipe(asyncio.get_running_loop())
    signal = AbortSignal.told_by(BodyStream(pipe, "stream"))
    waiting = [asyncio.create_task(signal.wait()) for _ in range(2)]
    assert not signal.is_aborted
    pipe.push(payload_of("enough"))
    assert [await each for each in waiting] == ["enough", "enough"]
    assert (signal.is_aborted, signal.reason) == (True, "enough")


@pytest.mark.parametrize("told", [b"", None])
async def test_who_waits_for_one_that_nobody_tells_of_is_cancelled(told: bytes | None) -> None:
    stream = BodyStream(BytesSource(b""), "stream")
    if told is None:
        stream.cancel()
    signal = AbortSignal.told_by(stream)
    with pytest.raises(asyncio.CancelledError):
        await signal.wait()
    assert not signal.is_aborted


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5))
def test_a_reason_is_the_same_where_it_arrives(reason: Any) -> None:
    assert reason_of(payload_of(reason)) == reason


def test_a_reason_that_cannot_be_sent_is_its_text() -> None:
    assert reason_of(payload_of(len)) == str(len)


def test_an_exception_stays_one() -> None:
    error = reason_of(payload_of(KeyError("k")))
    assert (type(error), error.args) == (KeyError, ("k",))


@pytest.mark.parametrize("payload", [b"", b"?", b"e", b"e\x91\x01", b"v", b"v?"])
def test_garbage_is_no_reason(payload: bytes) -> None:
    with pytest.raises((ValueError, ValueCorrupt)):
        reason_of(payload)
