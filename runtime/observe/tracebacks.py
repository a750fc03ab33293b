"""Errors of user code as their author wants to read them: from the first line of their own."""

import traceback
from collections.abc import Iterator
from pathlib import Path

OUR_DIRECTORY = Path(__file__).resolve().parents[2]
OURS = tuple(f"{OUR_DIRECTORY / folder}/" for folder in ("actors", "runtime", "storage", "cli"))


def user_traceback(error: BaseException) -> str:
    """Return the traceback as Python prints it, without the frames of ours in front.

    Frames of ours further down stay: there the user has called us. An error that never came by
    code of the user's is shown whole. What caused the error is treated alike.
    """
    shown = traceback.TracebackException.from_exception(error)
    for part in _chain(shown):
        del part.stack[: _frames_of_ours_in_front(part.stack)]
    return "".join(shown.format()).rstrip("\n")


def _chain(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an error, its causes, and the members of a group."""
    waiting: list[traceback.TracebackException | None] = [error]
    while waiting:
        part = waiting.pop()
        if part is not None:
            yield part
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]


def _frames_of_ours_in_front(stack: traceback.StackSummary) -> int:
    """Count them; 0 when there are no others."""
    for index, frame in enumerate(stack):
        if not str(Path(frame.filename).resolve()).startswith(OURS):
            return index
    return 0
