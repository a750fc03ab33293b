"""What calls a fetch off."""

import asyncio
import gc
from typing import Any

import pytest

from perdure.actors.abort_signal import AbortSignal
from perdure.actors.fetch import fetch
from perdure.actors.http import Response
from perdure.actors.http_errors import FetchAborted
from perdure.actors.pipe import Pipe
from perdure.actors.rpc import encode_error
from tests.world import Lab, World, turns

URL = "http://example.test/"


class Switch:
    """A signal, and what gives it."""

    def __init__(self) -> None:
        self.reasons: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.is_waiting = False
        self.signal = AbortSignal(self.wait)

    async def wait(self) -> Any:
        self.is_waiting = True
        try:
            return await asyncio.shield(self.reasons)
        finally:
            self.is_waiting = False


@pytest.fixture
async def switch() -> Switch:
    return Switch()


@pytest.fixture
async def pipe(world: World) -> Pipe:
    pipe = Pipe(world.loop)
    world.outbound.answer = lambda request: Response(pipe)
    return pipe


async def test_a_body_under_way_is_called_off(world: World, switch: Switch, pipe: Pipe) -> None:
    let_go = asyncio.Event()
    pipe.on_cancel = let_go.set

    async def script(lab: Lab) -> None:
        response = await fetch(URL, signal=switch.signal)
        pipe.push(b"first")
        assert response.body is not None
        assert await response.body.read_chunk() == b"first"
        reading = asyncio.ensure_future(response.body.read_chunk())
        await turns()
        switch.reasons.set_result("too slow")
        for read in (reading, response.body.read_chunk()):
            with pytest.raises(FetchAborted, match="by its signal: too slow"):
                await read

    await world.inside(script)
    assert let_go.is_set()


async def test_a_reason_that_is_an_exception_is_raised_itself(
    world: World, switch: Switch, pipe: Pipe
) -> None:
    async def script(lab: Lab) -> None:
        response = await fetch(URL, signal=switch.signal)
        switch.reasons.set_result(KeyError("mine"))
        with pytest.raises(KeyError, match="mine"):
            await response.text()

    await world.inside(script)


async def test_a_request_is_called_off_before_its_answer(world: World, switch: Switch) -> None:
    async def script(lab: Lab) -> None:
        waiting = fetch(URL, signal=switch.signal)
        await turns()
        switch.reasons.set_result(None)
        with pytest.raises(FetchAborted):
            await waiting

    await world.inside(script)
    [(_, on_reply)] = world.outbound.sent
    late, let_go = Pipe(world.loop), asyncio.Event()
    late.on_cancel = let_go.set
    on_reply(Response(late), None)
    assert let_go.is_set()


async def test_what_was_called_off_is_not_sent(world: World) -> None:
    async def script(lab: Lab) -> None:
        with pytest.raises(FetchAborted, match="enough"):
            await fetch(URL, signal=AbortSignal.aborted("enough"))

    await world.inside(script)
    assert world.outbound.sent == []


async def test_waiting_for_the_signal_may_fail(world: World, switch: Switch, pipe: Pipe) -> None:
    async def script(lab: Lab) -> None:
        response = await fetch(URL, signal=switch.signal)
        switch.reasons.set_exception(RuntimeError("the signal itself"))
        with pytest.raises(RuntimeError, match="the signal itself"):
            await response.text()

    await world.inside(script)


async def test_a_signal_that_nobody_gives_any_more_changes_nothing(
    world: World, switch: Switch, pipe: Pipe
) -> None:
    async def script(lab: Lab) -> str:
        response = await fetch(URL, signal=switch.signal)
        await turns()
        switch.reasons.cancel()
        await turns()
        pipe.push(b"all")
        pipe.end()
        return await response.text()

    assert await world.inside(script) == "all"


@pytest.mark.parametrize("content", ["all of it", None])
async def test_nobody_waits_for_it_once_nothing_can_be_called_off(
    world: World, switch: Switch, content: str | None
) -> None:
    world.outbound.answer = lambda request: Response(content)

    async def script(lab: Lab) -> bool:
        response = await fetch(URL, signal=switch.signal)
        await turns()
        assert switch.is_waiting == (content is not None)
        assert await response.text() == (content or "")
        del response
        world.outbound.sent.clear()  # which has the answer, too
        gc.collect()
        await turns()
        return switch.is_waiting

    assert not await world.inside(script)


async def test_nobody_waits_for_it_once_the_request_has_failed(
    world: World, switch: Switch
) -> None:
    async def script(lab: Lab) -> bool:
        waiting = fetch(URL, signal=switch.signal)
        await turns()
        assert switch.is_waiting
        world.outbound.sent[0][1](None, encode_error(ConnectionError("lost")))
        with pytest.raises(ConnectionError, match="lost"):
            await waiting
        await turns()
        return switch.is_waiting

    assert not await world.inside(script)
