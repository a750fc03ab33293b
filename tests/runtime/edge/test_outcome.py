import asyncio

from perdure.actors.http import Response
from perdure.runtime.edge.outcome import Outcome


async def test_who_waits_gets_what_is_set_and_so_does_who_comes_later() -> None:
    outcome = Outcome(asyncio.get_running_loop())
    waiting = asyncio.ensure_future(outcome.wait())
    await asyncio.sleep(0)
    response = Response("x")
    outcome.set(response, None)
    assert await waiting == (response, None) == outcome.value


async def test_nobody_has_to_wait_for_it() -> None:
    outcome = Outcome(asyncio.get_running_loop())
    gone = asyncio.ensure_future(outcome.wait())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    error = ValueError()
    outcome.set(None, error)
    assert outcome.value == (None, error)
