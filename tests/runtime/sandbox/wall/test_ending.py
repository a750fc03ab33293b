"""How an ending is told."""

import dataclasses

import pytest

from perdure.runtime.sandbox.wall.ending import Cause, Ending, Usage


def test_an_ending_can_be_sent_as_text() -> None:
    """A keeper tells it to a worker."""
    usage = Usage(memory_bytes=1)
    ending = Ending(cause=Cause.OUT_OF_MEMORY, exit_code=137, signal=None, said="", usage=usage)
    told = dataclasses.asdict(ending)
    assert told["cause"] == "out of memory"
    assert Ending(**told | {"usage": Usage(**told["usage"])}) == ending


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ({"cause": Cause.NO_WALL, "said": "bwrap: No\n"}, "could make no wall: bwrap: No. perdure"),
        ({"cause": Cause.NO_WALL}, "could make no wall: it does not say why. perdure doctor"),
        ({"cause": Cause.OUT_OF_MEMORY, "exit_code": 137}, "limit of memory"),
        ({"cause": Cause.EXITED, "exit_code": 3}, "it ended with exit code 3"),
        ({"cause": Cause.EXITED, "signal": 9, "said": "x"}, "by signal 9; its last words: x"),
        ({"cause": Cause.ENDED, "said": "x"}, "its last words: x"),
    ],
)
def test_an_ending_says_what_has_happened(ending: dict[str, object], text: str) -> None:
    fields = {"exit_code": None, "signal": None, "said": "", "usage": Usage(), **ending}
    assert text in str(Ending(**fields))  # type: ignore[arg-type]  # a table of them


def test_the_end_that_was_asked_for_needs_no_words() -> None:
    asked = Ending(cause=Cause.ENDED, exit_code=137, signal=None, said="", usage=Usage())
    assert str(asked) == ""


@pytest.mark.parametrize(
    ("kills", "text"),
    [
        (None, ""),
        (0, ""),
        (1, "the kernel had killed 1 process in it, for its limit of memory"),
        (7, "the kernel had killed 7 processes in it, for its limit of memory"),
    ],
)
def test_what_the_kernel_had_killed_before_is_told(kills: int | None, text: str) -> None:
    usage = Usage(out_of_memory_kills=kills)
    assert str(Ending(cause=Cause.ENDED, exit_code=137, signal=None, said="", usage=usage)) == text


def test_whom_the_kernel_killed_is_not_claimed_to_be_known() -> None:
    usage = Usage(out_of_memory_kills=1)
    ending = Ending(cause=Cause.OUT_OF_MEMORY, exit_code=137, signal=None, said="", usage=usage)
    known = "it was killed; the kernel had killed 1 process in it, for its limit of memory"
    assert str(ending) == known
