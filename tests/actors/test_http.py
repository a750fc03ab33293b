"""Request and Response: what can be made, what cannot, and what they show."""

from collections.abc import AsyncIterator
from datetime import date
from http import HTTPMethod, HTTPStatus
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from perdure.actors.body import BytesSource
from perdure.actors.headers import Headers
from perdure.actors.http import Request, Response
from perdure.actors.http_errors import (
    BodyAlreadyUsed,
    InvalidHeader,
    InvalidInit,
    InvalidStatus,
    InvalidUrl,
)
from perdure.storage.errors import UsageError

RANGE = "Responses may only be constructed with status codes in the range 200 to 599, inclusive."


class Socket:
    """As much of a WebSocket as a Response looks at."""

    def hand_over(self, link: Any) -> None:
        raise AssertionError(link)


SOCKET: Any = Socket()


async def chunks() -> AsyncIterator[bytes]:
    yield b"a"


# Request


def test_a_request_has_its_parts() -> None:
    request = Request("https://do/rooms/1?x=2", method="post", headers={"X": "1"}, body="hi")
    assert request.url == "https://do/rooms/1?x=2"
    assert request.url.endswith("?x=2")
    assert request.parsed_url.path == "/rooms/1"
    assert request.parsed_url.query["x"] == "2"
    assert request.parsed_url is request.parsed_url
    assert request.method == "POST"
    assert request.headers["x"] == "1"
    assert request.redirect == "follow"
    assert repr(request) == "Request(method='POST', url='https://do/rooms/1?x=2')"


def test_a_request_is_a_get_unless_said() -> None:
    request = Request("http://do/")
    assert request.method == "GET"
    assert request.body is None
    assert len(request.headers) == 0


def test_a_parsed_url_will_do() -> None:
    url = URL("http://do/x")
    assert Request(url).url == "http://do/x"
    assert Request(url).parsed_url == url


@pytest.mark.parametrize("url", ["/x", "do/x", "ftp://do/x", "http://"])
def test_a_request_needs_an_absolute_url(url: str) -> None:
    with pytest.raises(InvalidUrl, match=f"^Invalid URL: {url}") as caught:
        Request(url)
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, TypeError)


def test_methods_are_written_in_capitals() -> None:
    assert Request("http://do/", method="patch").method == "PATCH"
    assert Request("http://do/", method=HTTPMethod.DELETE).method == "DELETE"
    for method in ("", "a b", "GET\r\n", 5):
        with pytest.raises(InvalidInit, match="Invalid HTTP method"):
            Request("http://do/", method=method)  # type: ignore[arg-type]


def test_get_and_head_have_no_body() -> None:
    for method in ("GET", "HEAD", "get"):
        for body in ("", "a", b"a"):
            with pytest.raises(
                InvalidInit, match=r"^Request with a GET or HEAD method cannot have"
            ):
                Request("http://do/", method=method, body=body)


def test_a_redirect_mode_is_one_of_three() -> None:
    assert Request("http://do/", redirect="manual").redirect == "manual"
    with pytest.raises(InvalidInit, match='"follow", "manual" or "error", not \'never\''):
        Request("http://do/", redirect="never")  # type: ignore[arg-type]


def test_a_request_refuses_bad_headers() -> None:
    with pytest.raises(InvalidHeader):
        Request("http://do/", headers={"a b": "1"})
    with pytest.raises(InvalidHeader):
        Request("http://do/", headers=[("a", "1\n2")])


async def test_a_request_can_start_from_another() -> None:
    first = Request("http://do/x", method="PUT", headers={"X": "1"}, body="a", redirect="error")
    second = Request(first)
    assert (second.url, second.method, second.redirect) == ("http://do/x", "PUT", "error")
    assert second.headers == first.headers
    assert first.body_used
    assert await second.text() == "a"
    with pytest.raises(BodyAlreadyUsed):
        Request(first)


async def test_what_is_said_replaces_what_a_request_starts_from() -> None:
    first = Request("http://do/x", method="PUT", headers={"Content-Length": "1"}, body="a")
    second = Request(first, method="POST", body="longer", redirect="manual")
    assert (second.method, second.redirect) == ("POST", "manual")
    assert await second.text() == "longer"
    assert "Content-Length" not in second.headers
    assert await first.text() == "a"
    third = Request(first, headers={"Y": "2"}, body=b"")
    assert list(third.headers) == ["Y"]


def test_headers_of_a_new_request_can_be_changed() -> None:
    incoming = Request.incoming("GET", "http://do/", CIMultiDictProxy(CIMultiDict({"X": "1"})))
    own = Request(incoming)
    own.headers.set("X", "2")
    assert incoming.headers["X"] == "1"
    headers = Headers({"X": "1"})
    Request("http://do/", headers=headers).headers.set("X", "2")
    assert headers["X"] == "1"


def test_a_body_cannot_come_along_into_a_get() -> None:
    first = Request("http://do/x", method="PUT", body="a")
    with pytest.raises(InvalidInit, match="GET or HEAD"):
        Request(first, method="GET")
    assert not first.body_used
    assert Request(Request("http://do/x", method="PUT"), method="GET").method == "GET"


async def test_an_odd_get_with_a_body_can_be_passed_on() -> None:
    incoming = Request.incoming("GET", "http://do/", CIMultiDict(), b"a")
    assert await Request(incoming, headers={"X": "1"}).text() == "a"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        (["websocket"], True),
        (["WebSocket"], True),
        (["h2c"], False),
        (["h2c, websocket"], True),
        (["h2c", " WebSocket "], True),
        (["websockets"], False),
        ([""], False),
    ],
)
def test_an_upgrade_is_seen(values: list[str], expected: bool) -> None:
    fields = CIMultiDict([("upgrade", value) for value in values])
    assert Request.incoming("GET", "http://do/", fields).is_upgrade is expected
    assert Request("http://do/", headers=fields).is_upgrade is expected


def test_an_incoming_request_is_what_came() -> None:
    fields = CIMultiDict({"Host": "do"})
    source = BytesSource(b"a")
    request = Request.incoming("POST", "http://do:8787/x?y", fields, source)
    assert (request.method, request.url) == ("POST", "http://do:8787/x?y")
    assert request.parsed_url.port == 8787
    assert request.content is source
    # What a proxy passes on it should not look into (Fetch, "redirect mode" of an event's request).
    assert request.redirect == "manual"


def test_a_clone_of_a_request_is_the_same_request() -> None:
    request = Request("http://do/x", method="PUT", headers={"X": "1"}, redirect="error")
    copy = request.clone()
    assert (copy.method, copy.url, copy.redirect) == ("PUT", "http://do/x", "error")
    copy.headers.set("X", "2")
    assert request.headers["X"] == "1"
    incoming = Request.incoming("GET", "http://do/", CIMultiDict({"X": "1"})).clone()
    with pytest.raises(UsageError):
        incoming.headers.set("X", "2")


# Response


def test_a_response_has_its_parts() -> None:
    response = Response("hi", status=404, status_text="Nowhere", headers={"X": "1"})
    assert (response.status, response.status_text) == (404, "Nowhere")
    assert not response.ok
    assert response.headers["X"] == "1"
    assert (response.url, response.redirected, response.web_socket) == ("", False, None)


def test_a_response_is_a_200_unless_said() -> None:
    response = Response()
    assert response.status == 200
    assert response.status_text == ""
    assert response.ok
    assert response.body is None
    assert Response("Bad", 400).status == 400
    assert Response(status=HTTPStatus.CREATED).status == 201


@pytest.mark.parametrize(("status", "ok"), [(200, True), (299, True), (300, False), (599, False)])
def test_ok_means_2xx(status: int, ok: bool) -> None:
    assert Response(status=status).ok is ok


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 1000, -200])
def test_a_status_is_200_to_599(status: int) -> None:
    with pytest.raises(InvalidStatus, match=f"^{RANGE}") as caught:
        Response(None, status=status)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("status", ["200", 200.0, None, True])
def test_a_status_is_a_number(status: int) -> None:
    with pytest.raises(InvalidInit, match="a status is an int, not"):
        Response(None, status=status)


def test_a_web_socket_goes_with_101() -> None:
    response = Response(None, status=101, web_socket=SOCKET)
    assert response.web_socket is SOCKET
    for status in (200, 426):
        with pytest.raises(
            InvalidStatus, match=r"^Responses with a WebSocket must have status code"
        ):
            Response(None, status=status, web_socket=SOCKET)
    with pytest.raises(InvalidStatus, match="must have status code 101"):
        Response(None, web_socket=SOCKET)


def test_a_101_keeps_the_headers_it_is_given() -> None:
    headers = {"Sec-WebSocket-Protocol": "chat"}
    response = Response(None, status=101, web_socket=SOCKET, headers=headers)
    assert response.headers["sec-websocket-protocol"] == "chat"


def test_a_pair_is_not_an_end_of_it() -> None:
    pair: Any = (SOCKET, SOCKET)
    with pytest.raises(InvalidInit, match="one end of a WebSocketPair, not tuple: client, server"):
        Response(None, status=101, web_socket=pair)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_body_has_none(status: int) -> None:
    for body in ("a", b"a", chunks()):
        with pytest.raises(
            InvalidInit, match=r"^Response with null body status \(101, 204, 205, or"
        ):
            Response(body, status=status)
    for empty in (None, "", b""):
        response = Response(empty, status=status)
        assert response.body is None
        assert "Content-Type" not in response.headers


def test_a_101_has_no_body() -> None:
    with pytest.raises(InvalidInit, match="cannot have a body"):
        Response("a", status=101, web_socket=SOCKET)


@pytest.mark.parametrize("body", [{"a": 1}, [1, 2], (1, 2)])
def test_a_dict_is_no_body_but_response_json_takes_it(body: Any) -> None:
    with pytest.raises(InvalidInit, match=r"^Unsupported type in Response: .*Response\.json") as e:
        Response(body)
    assert isinstance(e.value, TypeError)


def test_words_after_the_status_cannot_smuggle_a_header() -> None:
    with pytest.raises(InvalidHeader):
        Response(None, status_text="OK\r\nX: 1")


async def test_json_makes_a_response_and_reads_one() -> None:
    response = Response.json({"a": [1, None, "é"]}, status=201, headers={"X": "1"})
    assert (response.status, response.headers["X"]) == (201, "1")
    assert response.headers["Content-Type"] == "application/json"
    assert await response.json() == {"a": [1, None, "é"]}
    assert (await Response.json([]).text(), Response.json(None, 404).status) == ("[]", 404)
    assert Response.json(1, status_text="Fine").status_text == "Fine"


def test_json_keeps_a_content_type_it_is_given() -> None:
    response = Response.json({}, headers={"content-type": "application/problem+json"})
    assert response.headers.get_all("Content-Type") == ["application/problem+json"]


def test_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(TypeError, match="date is not JSON serializable"):
        Response.json({"when": date(2026, 1, 1)})
    with pytest.raises(ValueError, match="not JSON compliant"):
        Response.json(float("nan"))


def test_json_of_a_subclass_makes_one_of_it() -> None:
    class Mine(Response):
        pass

    assert type(Mine.json({})) is Mine
    assert type(Mine.redirect("/x")) is Mine


def test_a_redirect_says_where_to() -> None:
    response = Response.redirect("https://example.com/a b")
    assert response.status == 302
    assert response.headers["Location"] == "https://example.com/a%20b"
    assert Response.redirect("/login", 303).headers["Location"] == "/login"
    assert Response.redirect(URL("/login"), status=307).status == 307


@pytest.mark.parametrize("status", [200, 300, 304, 306, 309])
def test_a_redirect_has_one_of_five_statuses(status: int) -> None:
    with pytest.raises(InvalidStatus, match=f"301, 302, 303, 307 or 308, not {status}"):
        Response.redirect("https://example.com/", status)


def test_a_redirect_needs_a_url() -> None:
    with pytest.raises(InvalidUrl):
        Response.redirect("http://h:port/")
    with pytest.raises(InvalidUrl):
        Response.redirect(None)  # type: ignore[arg-type]
    assert "\n" not in Response.redirect("/a\r\nX: 1").headers["Location"]


def test_an_incoming_response_is_what_came() -> None:
    fields = CIMultiDict({"Content-Type": "text/html"})
    response = Response.incoming(
        200, "OK", fields, b"<p>", "https://example.com/", SOCKET, redirected=True
    )
    assert (response.url, response.redirected) == ("https://example.com/", True)
    assert response.web_socket is SOCKET
    assert repr(response) == (
        "Response(status=200, status_text='OK', content_type='text/html', "
        "url='https://example.com/', web_socket=...)"
    )
    assert repr(Response(None)) == "Response(status=200)"


def test_a_clone_of_a_response_is_the_same_response() -> None:
    response = Response("a", status=404, status_text="Nowhere", headers={"X": "1"})
    copy = response.clone()
    assert (copy.status, copy.status_text) == (404, "Nowhere")
    copy.headers.set("X", "2")
    assert response.headers["X"] == "1"
    incoming = Response.incoming(200, "OK", CIMultiDict(), None, "http://x/", redirected=True)
    assert (incoming.clone().url, incoming.clone().redirected) == ("http://x/", True)
    with pytest.raises(UsageError):
        incoming.clone().headers.set("X", "2")


def test_a_web_socket_cannot_be_cloned() -> None:
    with pytest.raises(InvalidInit, match="Cannot clone a response to a WebSocket handshake"):
        Response(None, status=101, web_socket=SOCKET).clone()


def test_a_request_that_is_made_again_for_a_next_worker_says_so_and_so_do_its_copies() -> None:
    request = Request("http://x/")
    assert not request.resumed
    assert not Request.incoming("GET", "http://x/", request.header_fields()).resumed
    request.resumed = True
    assert request.clone().resumed
    assert Request(request).resumed
    assert Request(request, headers={"A": "1"}).resumed
