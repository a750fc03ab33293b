"""Header fields and bodies of the SDK's messages."""

from collections.abc import Mapping
from http.client import HTTPMessage

import pytest

from perdure.runtime.compat.sdk.bodies import body_for, fields_of
from perdure.runtime.compat.sdk.messages import Request, Response

URL = "http://example.com/path?q=1"


def test_headers_are_a_message_and_a_mapping() -> None:
    fields = Response(
        "x", headers=[("X-A", "1"), ("x-a", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    ).headers
    assert isinstance(fields, HTTPMessage)
    assert isinstance(fields, Mapping)
    assert fields["X-A"] == fields.get("x-a") == "1, 2"
    assert fields.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert "X-a" in fields
    assert "X-B" not in fields
    assert dict(fields.items())["content-type"] == "text/plain;charset=UTF-8"
    assert Response("", headers=Response("", headers={"X-A": "1"}).headers).headers["X-A"] == "1"


async def test_a_body_is_read_once() -> None:
    for message in (Response("x"), Request(URL, method="POST", body="x")):
        assert await message.text() == "x"
        assert message.body_used
        for read in (message.text, message.bytes, message.json, message.buffer, message.blob):
            with pytest.raises(OSError, match="Body already used"):
                await read()
        with pytest.raises(OSError, match="Body already used"):
            message.clone()


async def test_a_body_is_read_in_several_ways() -> None:
    data = '\ufeff{"a": 1}'.encode()
    assert await Response(data).json() == {"a": 1}
    assert await Response(b"\xff").text() == "\ufffd"
    assert (await Response(b"ab").buffer()).to_bytes() == b"ab"
    assert await Response(b"ab").string() == "ab"
    assert bytes(await Response(b"ab").memoryview()) == b"ab"
    blob = await Response("ab").blob()
    assert (blob.size, blob.content_type) == (2, "text/plain;charset=utf-8")
    assert Response().body is None
    assert Response("x").body is not None
    form = Response(b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (await form.formData())["a"] == "1"


def test_what_can_be_no_body_is_named() -> None:
    assert body_for(None, "Request") == (None, None)
    with pytest.raises(TypeError, match="Unsupported type in Request: dict"):
        body_for({}, "Request")


def test_no_headers_are_none() -> None:
    assert fields_of(None) is None
    assert fields_of({}) is None
    assert fields_of({"a": 1}) == [("a", "1")]
    assert fields_of([("a", True), ("b", 1.0)]) == [("a", "true"), ("b", "1")]
