"""What a fetch handler may return."""

import pytest

from perdure.actors.http import Response as NativeResponse
from perdure.runtime.compat.js.http import Response as JsResponse
from perdure.runtime.compat.replies import native_response
from perdure.runtime.compat.sdk.messages import Response


def test_each_kind_of_response_is_one() -> None:
    native = NativeResponse("x")
    assert native_response(Response.of(native)) is native
    assert native_response(JsResponse.of(native)) is native
    assert native_response(native) is native


@pytest.mark.parametrize("result", [None, "text", {"a": 1}])
def test_anything_else_is_none(result: object) -> None:
    with pytest.raises(TypeError, match="the Promise did not resolve to 'Response'"):
        native_response(result)
