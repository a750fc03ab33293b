# Pure: it looks at values.
"""Whether the settings of a sandbox that is to be started are any.

They come from a worker, which runs user code and is of the same user: this keeps mistakes from
becoming half a sandbox, and says what is wrong to the one who made it.
"""

import math
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from ..streams import Refused
from ..wall.options import WORKSPACE, Isolation, Network, WallLimits

TAKEN = (WORKSPACE, "/perdure", "/proc", "/dev")  # what the wall has there itself
_WHOLE_MAX = 1 << 62


def check_settings(settings: Mapping[str, Any]) -> None:
    """Look at all that a keeper reads of them.

    Raises:
        Refused: One of them is wrong.
    """
    for name, (is_fine, what) in _KNOWN.items():
        value = settings.get(name)
        if value is not None and not is_fine(value):
            raise Refused("VALIDATION_FAILED", f"{name} of a sandbox is {what}", field=name)


def _is_amount(value: object) -> bool:
    if type(value) is float:
        return math.isfinite(value) and value > 0
    return type(value) is int and 0 < value <= _WHOLE_MAX


def _is_whole(value: object) -> bool:
    return type(value) is int and _is_amount(value)


def _are_limits(value: object) -> bool:
    if type(value) is not dict:
        return False
    kinds = {field.name: field.type for field in fields(WallLimits)}
    return all(
        name in kinds and (_is_amount(amount) if kinds[name] is float else _is_whole(amount))
        for name, amount in value.items()
    )


def _is_text(value: object) -> bool:
    return type(value) is str and "\0" not in value


def _is_environment(value: object) -> bool:
    return type(value) is dict and all(
        _is_text(name) and name and "=" not in name and _is_text(text)
        for name, text in value.items()
    )


def _is_place(value: object) -> bool:
    """Whether it is an absolute path without detours."""
    if type(value) is not str or "\0" in value or value[:2] in {"", "/", "//"}:
        return False
    return value[0] == "/" and posixpath.normpath(value) == value


def _are_mounts(value: object) -> bool:
    if type(value) is not list:
        return False
    if not all(type(pair) is list and len(pair) == 2 for pair in value):
        return False
    if not all(_is_text(pair[0]) and pair[0][:1] == "/" and _is_place(pair[1]) for pair in value):
        return False
    inside = [pair[1] for pair in value]
    if len(set(inside)) < len(inside):
        return False
    return not any(
        there == other or there.startswith(f"{other}/") or other.startswith(f"{there}/")
        for there in inside
        for other in (*TAKEN, *(set(inside) - {there}))
    )


def _are_folders(value: object) -> bool:
    return type(value) is list and all(_is_text(path) and path[:1] == "/" for path in value)


def _is_path(value: object) -> bool:
    return type(value) is list and all(_is_place(place) and ":" not in place for place in value)


_KNOWN: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "isolation": (lambda value: value in list(Isolation), "bubblewrap or none"),
    "network": (lambda value: value in list(Network), "none, outbound or host"),
    "best_effort": (lambda value: type(value) is bool, "true or false"),
    "limits": (_are_limits, f"amounts of {', '.join(f.name for f in fields(WallLimits))}"),
    "mounts": (_are_mounts, "pairs of a path outside and one inside, none in another or taken"),
    "packages": (_are_folders, "a list of folders outside"),
    "path": (_is_path, "a list of folders inside"),
    "env": (_is_environment, "a table of text"),
    "sleep_after_s": (_is_amount, "a number of seconds"),
    "disk_bytes": (_is_whole, "a number of bytes"),
    "log_bytes": (_is_whole, "a number of bytes"),
}
