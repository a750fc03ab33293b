"""What programs see bindings as, in ``env`` and in ``ctx.exports`` alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....actors.namespace import DurableObjectNamespace
from ....actors.service_stub import ServiceStub
from ...host.exports import LoopbackStub
from ..js.options import options_of
from ..sdk.transfer import ServiceView, outgoing
from .namespaces import NamespaceView


@dataclass(frozen=True, slots=True)
class BindingViews:
    """What a program sees bindings as.

    Attributes:
        of_namespace: Makes the view of a namespace.
        of_service: Makes that of a service binding.
        of_loopback: Makes that of an entrypoint of the program's own.
    """

    of_namespace: Callable[[DurableObjectNamespace], Any]
    of_service: Callable[[ServiceStub], Any]
    of_loopback: Callable[[LoopbackStub], Any]

    def of(self, value: Any) -> Any:
        """The view of what a binding is; None if ``value`` is none."""
        if isinstance(value, DurableObjectNamespace):
            return self.of_namespace(value)
        if isinstance(value, LoopbackStub):
            return self.of_loopback(value)
        return self.of_service(value) if isinstance(value, ServiceStub) else None


class LoopbackView(ServiceView):
    """Calls an entrypoint of the program's own."""

    __slots__ = ()
    make_service: type[ServiceView] = ServiceView

    def __call__(self, options: Any = None, **more: Any) -> ServiceView:
        """One whose ``ctx.props`` are ``options.props`` in each call."""
        return self.make_service(self.native(props=props_of(options, more)))


def props_of(options: Any, more: Mapping[str, Any]) -> Any:
    """The native value of ``props`` in what an entrypoint in ``ctx.exports`` is called with."""
    return outgoing(options_of(options, more, ("props",)).get("props"))


OURS = BindingViews(NamespaceView, ServiceView, LoopbackView)
