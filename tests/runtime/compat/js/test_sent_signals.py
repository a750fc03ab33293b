"""Abort signals that are sent; tests/compat/programs/rpc sends them for real."""

import asyncio

from perdure.actors.abort_signal import AbortSignal as NativeSignal
from perdure.actors.body import BodyStream, BytesSource
from perdure.runtime.compat.js.abort import AbortController, AbortSignal
from perdure.runtime.compat.js.sent_signals import native_signal, signal_from
from perdure.runtime.compat.js.values import JsDict


async def test_what_is_sent_is_told_of_the_end_and_keeps_the_signal_usable() -> None:
    controller = AbortController()
    waiting = [asyncio.create_task(native_signal(controller.signal).wait()) for _ in range(2)]
    await asyncio.sleep(0)
    controller.abort(JsDict(code=7))
    assert [await each for each in waiting] == [{"code": 7}, {"code": 7}]


async def test_one_that_is_aborted_between_sending_and_waiting_is_not_missed() -> None:
    controller = AbortController()
    native = native_signal(controller.signal)
    controller.abort("enough")
    assert await native.wait() == "enough"


async def test_one_that_was_aborted_arrives_so() -> None:
    native = native_signal(AbortSignal.abort("enough"))
    signal = signal_from(native)
    assert native.is_aborted
    assert (signal.aborted, signal.reason) == (True, "enough")


async def test_listeners_hear_of_one_that_arrived() -> None:
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str:
        return "enough"

    signal = signal_from(NativeSignal(wait))
    assert not signal.aborted
    signal.addEventListener("abort", lambda event: heard.set_result(event.type))
    assert await heard == "abort"
    assert signal.reason == "enough"


async def test_one_that_nobody_tells_of_is_never_aborted() -> None:
    async def fail() -> None:
        raise OSError("the other side is gone")

    for native in (NativeSignal(fail), NativeSignal.told_by(BodyStream(BytesSource(b""), "x"))):
        signal = signal_from(native)
        await asyncio.wait([vars(signal)["_following"]])
        assert not signal.aborted
