"""``ctx.exports`` as an object; see tests/conformance/test_services.py for what it leads to."""

import pytest

from perdure.runtime.host.exports import Exports


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
