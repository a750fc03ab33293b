"""What bindings are seen as."""

from typing import Any

from perdure.actors.service_stub import ServiceStub
from perdure.runtime.compat.sdk.transfer import ServiceView
from perdure.runtime.compat.views.bindings import OURS, BindingViews
from perdure.runtime.compat.views.namespaces import NamespaceView
from tests.actors.test_service_stub import Noted
from tests.world import World

NAMED = BindingViews(lambda _: "namespace", lambda _: "service", lambda _: "loopback")


async def test_each_kind_of_binding_has_its_view(workers: World) -> None:
    stub = ServiceStub(Noted())
    view = OURS.of(stub)
    assert isinstance(view, ServiceView)
    assert view.native is stub
    assert NAMED.of(stub) == "service"

    def script(lab: Any) -> None:
        native = lab.env.LAB.native
        assert isinstance(OURS.of(native), NamespaceView)
        assert NAMED.of(native) == "namespace"

    await workers.inside(script)


def test_what_is_no_binding_has_none() -> None:
    assert OURS.of("text") is None
    assert NAMED.of(5) is None
