"""What programs see bindings as, in ``env`` and in ``ctx.exports`` alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....actors.namespace import DurableObjectNamespace
from ....actors.service_stub import ServiceStub
from ..sdk.transfer import ServiceView
from .namespaces import NamespaceView


@dataclass(frozen=True, slots=True)
class BindingViews:
    """What a program sees bindings as.

    Attributes:
        of_namespace: Makes the view of a namespace.
        of_service: Makes that of a service binding.
    """

    of_namespace: Callable[[DurableObjectNamespace], Any]
    of_service: Callable[[ServiceStub], Any]

    def of(self, value: Any) -> Any:
        """The view of what a binding is; None if ``value`` is none."""
        if isinstance(value, DurableObjectNamespace):
            return self.of_namespace(value)
        return self.of_service(value) if isinstance(value, ServiceStub) else None


OURS = BindingViews(NamespaceView, ServiceView)
