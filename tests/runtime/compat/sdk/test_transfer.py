"""What crosses between objects, by the SDK's rules."""

import inspect
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
from perdure.runtime.compat.js.regexp import RegExp
from perdure.runtime.compat.js.values import JsDict, JsList
from perdure.runtime.compat.pyodide.ffi import create_proxy
from perdure.runtime.compat.sdk.blobs import Blob
from perdure.runtime.compat.sdk.messages import Request, Response
from perdure.runtime.compat.sdk.transfer import (
    Remote,
    StubOfTarget,
    incoming,
    outgoing,
    python_from_rpc,
    python_to_rpc,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,  # more take long to make, and show no more
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
        ((1,), "<class 'tuple'>"),
        (bytearray(b""), "<class 'bytearray'>"),
        (RegExp("a"), "RegExp"),
        (nobody_awaits(), "Awaitable <class '.*Later'>"),
        ({"a": [(1,)]}, "<class 'tuple'>"),
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


class Answer:
    """What a native call gives: awaited, or called on before that."""

    def __init__(self, log: list[Any], value: Any) -> None:
        self.log = log
        self.value = value

    def __getattr__(self, name: str) -> Any:
        return Calls(self.log, name)

    def __await__(self) -> Any:
        yield from ()
        return self.value


class Calls(Answer):
    """A native stub, or a member of one, that notes calls."""

    def __init__(self, log: list[Any], way: str = "it") -> None:
        super().__init__(log, {"read": way})
        self.way = way
        self.is_disposed = False

    def __getattr__(self, name: str) -> Any:
        return Calls(self.log, f"{self.way}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Answer:
        self.log.append((self.way, args, kwargs))
        return Answer(self.log, {"of": self.way})

    def dup(self) -> "Calls":
        return Calls(self.log, f"another {self.way}")

    def dispose(self) -> None:
        self.is_disposed = True


async def test_members_of_something_elsewhere_are_called_and_read() -> None:
    log: list[Any] = []
    remote = Remote(Calls(log))
    assert (await remote.room(JsDict(a=[1]), data=ArrayBuffer(b"x"))).of == "it.room"
    assert (await remote.room.name).read == "it.room.name"
    assert (await remote.get().join(2)).of == "join"
    assert log == [
        ("it.room", ({"a": [1]},), {"data": b"x"}),
        ("it.get", (), {}),
        ("join", (2,), {}),
    ]
    assert type(log[0][1][0]) is dict


async def test_a_stub_of_a_function_is_called_itself_and_let_go_of() -> None:
    log: list[Any] = []
    native = Calls(log)
    with StubOfTarget(native) as stub:
        assert (await stub(1)).of == "it"
        assert (await stub.dup()(2)).of == "another it"
        assert outgoing([stub]) == [native]
    assert native.is_disposed
    assert not inspect.isawaitable(stub), "a handler may return one"


async def test_functions_that_are_sent_see_views_and_give_native_values() -> None:
    async def later(data: Any, *, option: Any = None) -> Any:
        return {"data": data, "name": option.name}

    for function in (later, create_proxy(later)):
        sent = outgoing(function)
        given = await sent(b"x", option={"name": "n"})
        assert given == {"data": b"x", "name": "n"}
        assert type(given) is dict
    assert outgoing(lambda value: value.a)({"a": [b"x"]}) == [b"x"]
