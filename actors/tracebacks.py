"""Errors of user code as their author wants to read them: their own lines, and not ours.

What runs a handler stands in front of it, and what perdure does in a call stands behind it:
neither is where the mistake is. A bug of ours keeps every line.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from traceback import FrameSummary, TracebackException

from ..storage.errors import InternalError, PerdureError

OUR_DIRECTORY = Path(__file__).resolve().parents[1]
OURS = tuple(f"{OUR_DIRECTORY / folder}/" for folder in ("actors", "runtime", "storage", "cli"))


def keep_traceback(error: Exception, text: str) -> None:
    """Have ``user_traceback`` return ``text``: it was raised in another process, which says so."""
    with suppress(AttributeError):  # a class with __slots__ and no place for it
        error.told_traceback = text  # type: ignore[attr-defined]  # nobody else's errors have it


def kept_traceback(error: BaseException) -> str | None:
    """Return what was kept so; None if nothing was."""
    text = getattr(error, "told_traceback", None)
    return text if isinstance(text, str) else None


def user_traceback(error: BaseException) -> str:
    """Return the traceback as Python prints it, without the frames of ours that say nothing.

    Those in front go. Those at the end go when we raised the error on purpose, and with them
    what made us raise it; its message says it all. An error that never came by code of the
    user's is shown whole. Causes are treated alike.
    """
    if (kept := kept_traceback(error)) is not None:
        return kept
    shown = TracebackException.from_exception(error)
    for raised, part in _chain(error, shown):
        if all(_is_ours(frame) for frame in part.stack):
            continue
        while _is_ours(part.stack[0]):
            del part.stack[0]
        if _is_on_purpose(raised) and _is_ours(part.stack[-1]):
            part.__cause__ = part.__context__ = None
            while _is_ours(part.stack[-1]):
                del part.stack[-1]
    return "".join(shown.format()).rstrip("\n")


def _chain(
    error: BaseException, part: TracebackException
) -> Iterator[tuple[BaseException, TracebackException]]:
    """Yield an error, its causes, and the members of a group, each with what is shown of it."""
    yield error, part
    if isinstance(error, BaseExceptionGroup) and part.exceptions:
        for member, member_part in zip(error.exceptions, part.exceptions, strict=False):
            yield from _chain(member, member_part)
    if error.__cause__ is not None and part.__cause__ is not None:
        yield from _chain(error.__cause__, part.__cause__)
    if error.__context__ is not None and part.__context__ is not None:
        yield from _chain(error.__context__, part.__context__)


def _is_on_purpose(error: BaseException) -> bool:
    return isinstance(error, PerdureError) and not isinstance(error, InternalError)


def _is_ours(frame: FrameSummary) -> bool:
    return _is_file_of_ours(frame.filename)


@lru_cache(4096)  # asking the file system for each frame of each error would be slow
def _is_file_of_ours(filename: str) -> bool:
    return str(Path(filename).resolve()).startswith(OURS)
