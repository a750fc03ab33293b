"""``ctx.exports`` as an object; see tests/conformance/test_services.py for what it leads to."""

import pytest

from perdure.actors.service_stub import ServiceStub
from perdure.runtime.host.exports import Exports, LoopbackStub
from perdure.runtime.host.services import WorkerService
from perdure.storage.errors import ValueNotSerializable
from tests.runtime.host.test_services import ADMIN, Admin, worker


def test_names_lead_to_what_it_was_filled_with() -> None:
    exports = Exports()
    exports.fill({"Room": 1, "Default": 2})
    assert (exports.Room, exports.Default) == (1, 2)
    assert dir(exports) == ["Default", "Room"]
    assert repr(exports) == "<Exports Default, Room>"


def test_another_name_is_refused_with_what_was_meant() -> None:
    exports = Exports()
    assert repr(exports) == "<Exports empty>"
    exports.fill({"Room": 1})
    with pytest.raises(AttributeError) as raised:
        _ = exports.Rom
    assert str(raised.value) == (
        "ctx.exports has no Rom: main has no entrypoint of this name, and no class that a "
        'migration makes objects of. Did you mean "Room"?'
    )
    assert getattr(exports, "Hall", None) is None


async def test_an_entrypoint_is_told_the_props_that_its_stub_was_made_with() -> None:
    loopback = LoopbackStub(WorkerService(ADMIN, worker(), Admin))
    props = {"of": [1]}
    stub = loopback(props=props)
    props["of"].append(2)
    assert type(stub) is ServiceStub
    assert await stub.told() == {"of": [1], "told": True}
    assert await loopback.told() == {"told": True}
    assert await loopback(props=None).told() == {"told": True}


async def test_props_are_plain_values() -> None:
    loopback = LoopbackStub(WorkerService(ADMIN, worker(), Admin))
    with pytest.raises(ValueNotSerializable, match=r'props\["me"\] is of type .*LoopbackStub'):
        loopback(props={"me": loopback})
