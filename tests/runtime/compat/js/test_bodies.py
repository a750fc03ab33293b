"""Bodies of requests and responses."""

import types
from typing import Any

import pytest

from perdure.runtime.compat.js.bodies import native_body
from perdure.runtime.compat.js.buffers import ArrayBuffer, Uint8Array
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.pyproxies import PyProxy


class Wrapper:
    js_object = ArrayBuffer(b"inside")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("text", "text"),
        (None, ""),
        (b"bytes", "bytes"),
        (Uint8Array(b"array"), "array"),
        (ArrayBuffer(b"buffer"), "buffer"),
        (PyProxy(b"lent"), "lent"),
        (Wrapper(), "inside"),
        (5, "5"),
        ({"a": 1}, "[object Object]"),
    ],
)
async def test_a_body_is_made_of_all_forms(js: types.ModuleType, body: Any, expected: str) -> None:
    assert await js.Response.new(body).text() == expected
    request = js.Request.new("http://a.b", method="POST", body=body)
    assert await request.text() == expected


async def test_a_body_brings_its_content_type(js: types.ModuleType) -> None:
    def kind(body: Any, **more: Any) -> Any:
        return js.Response.new(body, **more).headers.get("Content-Type")

    assert kind("text") == "text/plain;charset=UTF-8"
    assert kind(b"bytes") is None
    assert kind(js.Blob.new([], type="image/png")) == "image/png"
    assert kind(js.URLSearchParams.new("a=1")) == "application/x-www-form-urlencoded;charset=UTF-8"
    assert kind(js.FormData.new()).startswith("multipart/form-data; boundary=")
    assert kind(js.Blob.new([], type="image/png"), headers={"content-type": "x/y"}) == "x/y"


async def test_a_body_is_read_in_all_ways(js: types.ModuleType) -> None:
    def response() -> Any:
        return js.Response.new('{"a":[1]}', headers={"Content-Type": "A/B"})

    assert (await response().json()).a == [1]
    assert (await response().arrayBuffer()).to_bytes() == b'{"a":[1]}'
    assert (await response().bytes()).length == 9
    blob = await response().blob()
    assert (blob.size, blob.type) == (9, "a/b")
    form = await js.Response.new(js.URLSearchParams.new("x=1&y=2")).formData()
    assert form.get("y") == "2"
    assert await js.Response.new(b"\xef\xbb\xbfx\xff").text() == "x\ufffd"


async def test_a_body_is_read_once(js: types.ModuleType) -> None:
    response = js.Response.new("x")
    assert not response.bodyUsed
    await response.text()
    assert response.bodyUsed
    with pytest.raises(JsException, match="TypeError: Body has already been used"):
        await response.text()


async def test_a_body_is_a_stream(js: types.ModuleType) -> None:
    response = js.Response.new("abc")
    assert response.body is response.body
    result = await response.body.getReader().read()
    assert result.value.to_bytes() == b"abc"
    assert response.bodyUsed
    assert js.Response.new(None).body is None
    passed_on = js.Response.new(js.Response.new("through").body)
    assert await passed_on.text() == "through"


async def test_an_async_generator_is_a_body(js: types.ModuleType) -> None:
    async def chunks() -> Any:
        yield b"a"
        yield b"b"

    assert await js.Response.new(chunks()).text() == "ab"


async def test_what_is_no_json_is_a_syntax_error(js: types.ModuleType) -> None:
    with pytest.raises(JsException) as caught:
        await js.Response.new("{").json()
    assert caught.value.name == "SyntaxError"


def test_a_stream_that_was_read_is_no_body(js: types.ModuleType) -> None:
    stream = js.ReadableStream.new()
    stream.getReader()
    with pytest.raises(js.TypeError, match="locked"):
        native_body(stream)
