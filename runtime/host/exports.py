"""``ctx.exports``: a program's own entrypoints and classes, without bindings to them."""

from collections.abc import Mapping
from typing import Any

from ..config.errors import did_you_mean


class Exports:
    """What ``main`` has: a ``ServiceStub`` for each entrypoint, a namespace for each class."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: Mapping[str, Any] = {}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Have these; for the runtime, whose namespaces are made after the first ``ctx``."""
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            hint = did_you_mean(name, self._values)
            problem = (
                f"ctx.exports has no {name}: main has no entrypoint of this name, and no class "
                "that a migration makes objects of"
            )
            raise AttributeError(f"{problem}. {hint}" if hint else problem) from None

    def __dir__(self) -> list[str]:
        return sorted(self._values)

    def __repr__(self) -> str:
        return f"<Exports {', '.join(sorted(self._values)) or 'empty'}>"
