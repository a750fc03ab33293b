"""Puts one folder's content in the place of another's: a backup's in that of what is there.

*Promise*: who looks sees the old or the new, and when it fails, the old. One step of the kernel's
where a folder can be exchanged; the workspace cannot, for it is a mount: of it the entries are
moved, one by one, and back again when one of them does not go.
"""

import contextlib
import ctypes
import errno
import os
import stat

from ..streams import Exchange, Refused
from .files import delete_tree
from .places import Places
from .refusals import refusal
from .tasks import AGAIN, Steps

_LIBC = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# Not at all, not here, or not by us: then entry by entry.
_NOT_AS_A_WHOLE = {
    errno.EBUSY,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EPERM,
    errno.EACCES,
}


def replace(places: Places, exchange: Exchange) -> Steps:
    """Put what is in the folder ``with`` in the place of what is in the folder ``path``."""
    path = os.path.realpath(places.path(exchange.request))
    fresh = os.path.realpath(places.path(exchange.request, "with"))
    for each in (path, fresh):
        if not stat.S_ISDIR(os.lstat(each).st_mode):
            raise Refused("NOT_DIRECTORY", f"Is no directory: {each}", path=each)
    if path == os.path.realpath(places.workspace) or not _exchange(path, fresh):
        old = f"{fresh}.old"
        os.mkdir(old, 0o700)  # noqa: PTH102  # pathlib takes 10 ms to import
        _move_entries(path, fresh, old)
        yield AGAIN
        yield from delete_tree(old, forced=True)
    yield AGAIN
    yield from delete_tree(fresh, forced=True)
    return {}


def _exchange(one: str, other: str) -> bool:
    names = os.fsencode(one), os.fsencode(other)
    if _LIBC.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_AS_A_WHOLE:
        return False
    raise refusal(OSError(number, ""), one)


def _move_entries(path: str, fresh: str, old: str) -> None:
    """Move what is in ``path`` into ``old``, and what is in ``fresh`` into ``path``."""
    moved = list[tuple[str, str]]()
    os.chmod(fresh, 0o700)  # noqa: PTH101  # as above
    try:
        for source, target in ((path, old), (fresh, path)):
            for name in os.listdir(source):  # noqa: PTH208  # as above
                entry = f"{source}/{name}"
                if entry not in {fresh, old}:
                    _move(entry, f"{target}/{name}")
                    moved.append((entry, f"{target}/{name}"))
    except OSError as error:
        for source, target in reversed(moved):
            _move(target, source)
        with contextlib.suppress(OSError):
            os.rmdir(old)  # noqa: PTH106  # as above
        raise refusal(error, path) from None


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)  # noqa: PTH104  # as above
    except PermissionError:  # a folder that may not be written cannot be moved into another
        facts = os.lstat(source)
        if not stat.S_ISDIR(facts.st_mode):
            raise
        os.chmod(source, 0o700)  # noqa: PTH101  # as above
        os.rename(source, target)  # noqa: PTH104  # as above
        os.chmod(target, stat.S_IMODE(facts.st_mode))  # noqa: PTH101  # as above
