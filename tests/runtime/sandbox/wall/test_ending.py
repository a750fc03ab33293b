"""How an ending is told."""

import dataclasses

from perdure.runtime.sandbox.wall.ending import Cause, Ending, Usage


def test_an_ending_can_be_sent_as_text() -> None:
    """A keeper tells it to a worker."""
    usage = Usage(memory_bytes=1)
    ending = Ending(cause=Cause.OUT_OF_MEMORY, exit_code=137, signal=None, said="", usage=usage)
    told = dataclasses.asdict(ending)
    assert told["cause"] == "out of memory"
    assert Ending(**told | {"usage": Usage(**told["usage"])}) == ending
