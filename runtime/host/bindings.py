"""``env``: what the configuration binds, as attributes."""

import copy
import difflib
from collections.abc import Mapping
from typing import Any


class Env:
    """Bindings and vars of the configuration: ``env.ROOM``, ``env.GREETING``.

    A var that is a list or a table is handed out as a copy, so that no actor sees what another
    has done to it.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def fill(self, values: Mapping[str, Any]) -> None:
        """Replace everything; for the runtime, whose namespaces are made after ``env``."""
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        values: dict[str, Any] = object.__getattribute__(self, "_values")
        try:
            value = values[name]
        except KeyError:
            raise AttributeError(_why_not(name, values)) from None
        return copy.deepcopy(value) if isinstance(value, list | dict) else value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"env is read-only; env.{name} comes from the configuration")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __dir__(self) -> list[str]:
        return sorted(self._values)

    def __repr__(self) -> str:
        return f"<Env {', '.join(sorted(self._values)) or 'empty'}>"


def _why_not(name: str, values: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, values, n=1)
    hint = f"; did you mean env.{close[0]}?" if close else ""
    return f"env has no {name}: no binding or var of the configuration has this name{hint}"
