"""``workers.Request`` and ``workers.Response``, held against what the SDK does."""

import zipfile
from http import HTTPMethod, HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.runtime.compat.js.buffers import ArrayBuffer, Uint8Array
from perdure.runtime.compat.js.headers import Headers
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.js.http import Response as JsResponse
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.urls import URLSearchParams
from perdure.runtime.compat.js.websockets import WebSocketPair
from perdure.runtime.compat.sdk.forms import FormData
from perdure.runtime.compat.sdk.messages import Request, Response

URL = "http://example.com/path?q=1"


@pytest.mark.parametrize(
    ("body", "data", "content_type"),
    [
        (None, b"", None),
        ("text", b"text", "text/plain;charset=UTF-8"),
        (b"\x00\xff", b"\x00\xff", None),
        (ArrayBuffer(b"ab"), b"ab", None),
        (Uint8Array([1, 2]), b"\x01\x02", None),
        (
            URLSearchParams("a=1"),
            b"a=1",
            "application/x-www-form-urlencoded;charset=UTF-8",
        ),
    ],
)
async def test_a_response_names_the_type_of_its_body(
    body: Any, data: bytes, content_type: str | None
) -> None:
    response = Response(body)
    assert response.headers.get("content-type") == content_type
    assert await response.bytes() == data
    assert (response.status, response.ok, response.url, response.redirected) == (
        200,
        True,
        "",
        False,
    )


@pytest.mark.parametrize("body", [{"a": 1}, [1], 5, object()])
def test_a_response_refuses_other_bodies(body: Any) -> None:
    with pytest.raises(TypeError, match=f"Unsupported type in Response: {type(body).__name__}"):
        Response(body)


async def test_a_form_can_be_a_body() -> None:
    response = Response(FormData({"a": "1"}))
    assert response.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert dict((await response.form_data()).items()) == {"a": "1"}


@pytest.mark.parametrize(
    "headers", [{"X-A": "1"}, [("X-A", "1")], Headers({"X-A": "1"}), {"X-A": 1}]
)
def test_headers_are_given_in_several_ways(headers: Any) -> None:
    assert Response("", headers=headers).headers["x-a"] == "1"


def test_headers_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="Received unexpected type for headers argument"):
        Response("", headers=5)


def test_a_status_is_a_number_or_one_of_pythons() -> None:
    assert Response("", HTTPStatus.NOT_FOUND).status == 404
    assert Response("", status=299, status_text="Odd").status_text == "Odd"
    assert Response("", status=299).status_text == ""
    assert Response("", status=201).status_text == "Created"
    with pytest.raises(JsException, match="range 200 to 599"):
        Response("", status=99)


def test_a_response_says_what_it_is() -> None:
    response = Response("x")
    assert repr(response) == (
        "Response(status=200, status_text='OK', content_type='text/plain;charset=UTF-8')"
    )


async def test_json_makes_and_reads() -> None:
    response = Response.json({"a": [1, None]}, status=201, headers={"X-A": "1"})
    assert (response.status, response.headers["content-type"]) == (201, "application/json")
    assert await response.clone().text() == '{"a": [1, null]}'
    assert await response.json() == {"a": [1, None]}
    assert Response.from_json(1, headers={"Content-Type": "x/y"}).headers["content-type"] == "x/y"
    with pytest.raises(ValueError, match="200 to 599"):
        Response.from_json(1, status=99)
    with pytest.raises(TypeError):
        Response.from_json(object())


def test_a_redirect_is_javascripts() -> None:
    response = Response.redirect("http://example.com/", 307)
    assert isinstance(response, JsResponse)
    assert (response.status, response.headers.get("Location")) == (307, "http://example.com/")
    with pytest.raises(ValueError, match="redirect"):
        Response.redirect("http://example.com/", 200)


def test_a_response_of_js_is_taken_as_it_is() -> None:
    inner = JsResponse("x", status=418)
    assert Response(inner).status == 418
    assert Response(inner).js_object is inner
    with pytest.raises(ValueError, match="Expected no options when constructing Response from a"):
        Response(inner, status=200)


def test_an_upgrade_carries_the_clients_end() -> None:
    client, _ = WebSocketPair.new().object_values()
    response = Response(None, status=101, web_socket=client)
    assert response.native.web_socket is client.native
    assert response.js_object.webSocket is client


async def test_a_body_can_be_replaced() -> None:
    replaced = Response("x", 201, headers={"X-A": "1"}).replace_body("other")
    assert (replaced.status, replaced.headers["X-A"]) == (201, "1")
    assert await replaced.text() == "other"


async def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "inside")
    response = Response(packed.getvalue())
    await response.unpack_archive(extract_dir=str(tmp_path), format="zip")
    assert (tmp_path / "a.txt").read_text() == "inside"


def test_an_error_status_can_be_raised() -> None:
    Response("").raise_for_status()
    with pytest.raises(OSError, match="404 Client Error"):
        Response("", 404).raise_for_status()
    with pytest.raises(OSError, match="500 Server Error"):
        Response("", 500).raise_for_status()


async def test_a_body_that_nobody_wants_is_let_go() -> None:
    response = Response("x")
    response.abort()
    assert response.body_used


def test_a_request_has_the_parts_of_one() -> None:
    request = Request(URL, method="post", headers={"X-A": "1"}, body="x", redirect="manual")
    assert request.method == "POST"
    assert request.method is HTTPMethod.POST
    assert (request.url, request.headers["X-a"], request.redirect) == (URL, "1", "manual")
    assert (request.cf, request.cache, request.body_used) == (None, "default", False)
    assert Request(URL, cf={"colo": "X"}).cf == {"colo": "X"}
    assert repr(Request(URL)) == f"Request(method='GET', url={URL!r})"
    assert Request(URL, method="PURGE").method == "PURGE"


def test_a_request_is_made_of_another() -> None:
    first = Request(URL, method=HTTPMethod.PUT, body="x", headers={"X-A": "1"})
    assert Request(first).native is first.native
    assert Request(JsRequest(URL)).url == URL
    second = Request(first, method="POST")
    assert (second.method, second.headers["X-A"]) == ("POST", "1")
    assert first.js_object.headers.get("x-a") == "1"
    assert first.js_object is first.js_object


def test_a_relative_url_is_refused() -> None:
    with pytest.raises(TypeError, match="Invalid URL: /x"):
        Request("/x")


def test_views_share_what_they_are_views_of() -> None:
    request, response = NativeRequest(URL), NativeResponse("x")
    assert Request.of(request).native is request
    assert Response.of(response).js_response.native is response
