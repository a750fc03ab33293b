"""Whom sandboxes are to be outside, when root starts them: each a user of its own.

No sandbox gets the number of another one that may still have files, so numbers are never used
twice in one data directory.
"""

from pathlib import Path
from typing import Final

FIRST: Final = 200_000
LAST: Final = 2_000_000_000
_NEXT = "next_uid"
_OWN = "uid"


def uid_of(sandboxes: Path, folder: Path) -> int:
    """Return the number of the sandbox in ``folder``, which it gets if it has none.

    Args:
        sandboxes: The folder of all of them; the caller is the only one to give numbers there.
        folder: The one's own.

    Raises:
        OSError: What is known cannot be read or written.
        OverflowError: There are no more.
    """
    own = folder / _OWN
    if own.exists():
        return int(own.read_text())
    following = sandboxes / _NEXT
    uid = int(following.read_text()) if following.exists() else FIRST
    if uid > LAST:
        raise OverflowError("there are no more users for sandboxes")
    # The next one first: a number that is lost costs nothing, one given twice would be a hole.
    fresh = following.with_suffix(".tmp")
    fresh.write_text(str(uid + 1))
    fresh.rename(following)
    own.write_text(str(uid))
    return uid
