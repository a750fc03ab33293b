"""What crosses between objects, by the SDK's rules."""

import re
from array import array
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.blobs import Blob as JsBlob
from perdure.runtime.compat.js.buffers import ArrayBuffer, Uint8Array
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.js.http import Response as JsResponse
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.values import JsDict, JsList
from perdure.runtime.compat.sdk.blobs import Blob
from perdure.runtime.compat.sdk.messages import Request, Response
from perdure.runtime.compat.sdk.transfer import (
    incoming,
    outgoing,
    python_from_rpc,
    python_to_rpc,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_plain_values_come_back_equal(value: Any) -> None:
    assert incoming(outgoing(value)) == value
    assert python_from_rpc(python_to_rpc(value)) == value
    assert outgoing(incoming(value)) == value


@pytest.mark.parametrize(
    "data", [b"ab", memoryview(b"ab"), array("B", b"ab"), ArrayBuffer(b"ab"), Uint8Array(b"ab")]
)
def test_binary_data_travels_as_bytes(data: Any) -> None:
    assert outgoing({"x": [data]}) == {"x": [b"ab"]}
    assert incoming(outgoing(data)).to_py() == memoryview(b"ab")


def nobody_awaits() -> Awaitable[None]:
    class Later:
        def __await__(self) -> Any:
            yield

    return Later()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ((1,), "tuple"),
        (bytearray(b""), "bytearray"),
        (re.compile("a"), "Pattern"),
        (nobody_awaits(), "Later"),
        ({"a": [(1,)]}, "tuple"),
    ],
)
def test_what_the_platform_refuses_is_refused(value: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} cannot be sent over RPC\\.$"):
        python_to_rpc(value)


def test_subclasses_and_sets_are_what_they_derive_from() -> None:
    class Own(dict[str, Any]):
        pass

    class Items(list[Any]):
        pass

    assert type(outgoing(Own(a=1))) is dict
    assert type(outgoing(Items([1]))) is list
    assert outgoing(frozenset({1})) == {1}


def test_objects_and_arrays_are_supersets() -> None:
    came = incoming({"rows": [{"n": 1}]})
    assert isinstance(came, JsDict)
    assert isinstance(came.rows, JsList)
    assert came.rows[0].n == 1


def test_an_aware_time_is_naive_and_local_afterwards() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    found = incoming(at)
    assert found.tzinfo is None
    assert found.astimezone(UTC) == at
    assert incoming(found) == found


def test_nothing_is_none() -> None:
    assert python_from_rpc(jsnull) is None
    assert python_from_rpc(None) is None
    assert outgoing(jsnull) is None


def test_objects_of_js_become_those_of_workers() -> None:
    assert isinstance(python_from_rpc(JsRequest("http://a/")), Request)
    assert isinstance(python_from_rpc(JsResponse("x")), Response)
    assert isinstance(python_from_rpc(JsBlob(["x"])), Blob)
    native = Request("http://a/")
    assert outgoing(native) is native.native
