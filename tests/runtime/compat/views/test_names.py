"""Options and keys in all forms that programs give them."""

import pytest

from perdure.runtime.compat.js.values import JsDict
from perdure.runtime.compat.views.names import as_key, flags, list_range


@pytest.mark.parametrize(
    ("given", "key"),
    [("a", "a"), ("", ""), (5, "5"), (5.0, "5"), (5.5, "5.5"), (True, "true"), (None, "null")],
)
def test_a_key_is_text_as_javascript_would_say_it(given: object, key: str) -> None:
    assert as_key(given) == key


def test_flags_are_taken_as_an_object_or_by_name_and_others_ignored() -> None:
    given = JsDict({"allowUnconfirmed": True, "unknown": 1})
    assert flags(given, {"noCache": False}) == {"allow_unconfirmed": True, "no_cache": False}
    assert flags(None, {}) == {}


def test_a_range_is_spelled_natively_and_its_limit_truncated() -> None:
    said = list_range({"startAfter": "a", "limit": 1.5, "allowConcurrency": True}, {"end": None})
    assert said == {"start_after": "a", "limit": 1}


def test_what_is_no_object_is_no_options() -> None:
    with pytest.raises(TypeError, match="options are an object, not int"):
        flags(5, {})  # type: ignore[arg-type]  # that is the point
