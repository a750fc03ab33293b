"""What the system says when it refuses something, in the words of the original's codes."""

import errno
import os
from typing import Any

from ..streams import Refused

CODES = {
    errno.ENOENT: "FILE_NOT_FOUND",
    errno.EACCES: "PERMISSION_DENIED",
    errno.EPERM: "PERMISSION_DENIED",
    errno.EEXIST: "FILE_EXISTS",
    errno.ENOTEMPTY: "FILE_EXISTS",
    errno.EISDIR: "IS_DIRECTORY",
    errno.ENOTDIR: "NOT_DIRECTORY",
    errno.ENOSPC: "NO_SPACE",
    errno.EDQUOT: "NO_SPACE",
    errno.EMFILE: "TOO_MANY_FILES",
    errno.ENFILE: "TOO_MANY_FILES",
    errno.EBUSY: "RESOURCE_BUSY",
    errno.ETXTBSY: "RESOURCE_BUSY",
    errno.EROFS: "READ_ONLY",
    errno.ENAMETOOLONG: "NAME_TOO_LONG",
    errno.ELOOP: "TOO_MANY_LINKS",
    errno.EMLINK: "TOO_MANY_LINKS",
}
OTHERWISE = "FILESYSTEM_ERROR"
# A bound that nobody reaches, and nobody wants to read.
_COUNTLESS = 1 << 62


def refusal(error: OSError, path: str, **context: Any) -> Refused:
    """Return what went wrong with ``path``."""
    number = error.errno or 0
    reason = os.strerror(number) if number else str(error)
    return Refused(CODES.get(number, OTHERWISE), f"{reason}: {path}", path=path, **context)


def text(request: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a field of a request that is to be text.

    Raises:
        Refused: It is none, or cannot be handed to the system.
    """
    value = request.get(name)
    if value is None:
        value = default
    if type(value) is not str or "\0" in value or (default is None and not value):
        raise Refused(
            "VALIDATION_FAILED",
            f"{name} is text that is not empty and has no zero byte",
            field=name,
        )
    return value


def number(request: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    """Return a field of a request that is to be a number.

    Raises:
        Refused: It is none, or not within the bounds.
    """
    value = request.get(name)
    if value is None:
        value = default
    if type(value) not in {int, float} or not low <= value <= high:
        bounds = f"{low:g} to {high:g}" if high < _COUNTLESS else f"{low:g} or more"
        raise Refused("VALIDATION_FAILED", f"{name} is a number, {bounds}", field=name)
    return float(value)
