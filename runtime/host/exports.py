"""``ctx.exports``: a program's own entrypoints and classes, without bindings to them."""

from collections.abc import Mapping
from typing import Any

from ...actors.service_stub import ServiceStub
from ...actors.state import NO_PROPS
from ...storage.values import encode
from ..config.errors import did_you_mean
from .services import WorkerService


class LoopbackStub(ServiceStub):
    """Calls an entrypoint of the program's own; called itself, it gives a stub with props."""

    __slots__ = ("_worker_service",)

    def __init__(self, service: WorkerService) -> None:
        super().__init__(service)
        self._worker_service = service

    def __call__(self, *, props: Mapping[str, Any] | None = None) -> ServiceStub:
        """A stub of the same entrypoint, whose ``ctx.props`` are a copy of ``props`` in each call.

        Raises:
            ValueNotSerializable: Something in it is no plain value: a stub, for instance.
        """
        encoded = encode(dict(props), what="props") if props else NO_PROPS
        return ServiceStub(self._worker_service.with_props(encoded))


class Exports:
    """What ``main`` has: a ``LoopbackStub`` for each entrypoint, a namespace for each class."""

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
