"""``Request``, ``Response`` and ``fetch``."""

import asyncio
import gc
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.actors.pipe import Pipe
from perdure.actors.rpc import encode_error
from perdure.runtime.compat.js.http import Request, Response, fetch_by
from perdure.runtime.compat.js.proxies import JsException
from tests.world import World, turns


async def test_a_response_takes_options_in_all_forms(js: types.ModuleType, ffi: Any) -> None:
    options = {"status": 201, "statusText": "Made", "headers": {"X-A": "1"}}
    as_object = ffi.to_js(options, dict_converter=js.Object.fromEntries)
    for response in (
        js.Response.new("x", as_object),
        js.Response.new("x", **options),
        js.Response("x", status=201, statusText="Made", headers=js.Headers.new({"X-A": "1"})),
        js.Response.new("x", js.Response.new("other", **options)),
        js.Response.new("x", status=201, statusText="Made", headers=[["X-A", "1"]]),
    ):
        assert (response.status, response.statusText, response.ok) == (201, "Made", True)
        assert response.headers.get("x-a") == "1"
        assert await response.text() == "x"
        assert response.constructor.name == "Response"
        assert (response.url, response.redirected, response.type) == ("", False, "default")


def test_a_response_without_options(js: types.ModuleType) -> None:
    response = js.Response.new()
    assert (response.status, response.statusText, response.body) == (200, "OK", None)
    assert response.webSocket is None
    assert js.Response.error().status == 500
    assert js.Response.new(None, status=299).statusText == ""


async def test_json_and_redirects(js: types.ModuleType) -> None:
    made = js.Response.json(js.Object.new(a=1), status=202, headers={"X": "1"})
    assert (made.status, made.headers.get("content-type")) == (202, "application/json")
    assert await made.text() == '{"a":1}'
    other = js.Response.json([1], js.Object.new(headers=js.Headers.new({"Content-Type": "x/y"})))
    assert other.headers.get("content-type") == "x/y"
    assert await other.json() == [1]
    moved = js.Response.redirect("https://a.b/c", 301)
    assert (moved.status, moved.headers.get("Location")) == (301, "https://a.b/c")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("x", {"status": 99}), "RangeError: Responses may only be constructed with status codes"),
        (
            (None, {"status": 101}),
            "RangeError: Responses may only be constructed with status codes",
        ),
        (("x", {"status": 204}), "TypeError: Response with null body status"),
        ((None, {"headers": {"a b": "c"}}), "TypeError"),
    ],
)
def test_what_no_response_can_be(js: types.ModuleType, arguments: Any, error: str) -> None:
    with pytest.raises(JsException, match=error):
        js.Response.new(*arguments)
    with pytest.raises(js.RangeError):
        js.Response.redirect("https://a.b", 200)


def test_a_response_with_a_socket_is_a_101(js: types.ModuleType) -> None:
    client, _ = js.WebSocketPair.new().object_values()
    response = js.Response.new(None, status=101, webSocket=client)
    assert response.webSocket is client
    assert response.native.web_socket is client.native
    with pytest.raises(
        JsException, match="RangeError: Responses with a WebSocket must have status"
    ):
        js.Response.new(None, webSocket=client)


async def test_a_request_takes_options_in_all_forms(js: types.ModuleType) -> None:
    request = js.Request.new(
        js.URL.new("https://a.b/c?d"), js.Object.new(method="post", body="x", headers={"A": "1"})
    )
    assert (request.method, request.url) == ("POST", "https://a.b/c?d")
    assert request.headers.get("a") == "1"
    again = js.Request.new(request, method="PUT", redirect="manual")
    assert (again.method, again.url, again.redirect) == ("PUT", "https://a.b/c?d", "manual")
    assert again.headers.get("a") == "1"
    assert await again.text() == "x"
    assert request.bodyUsed
    assert request.constructor.name == "Request"
    assert repr(again) == "Request(method='PUT', url='https://a.b/c?d')"


def test_a_request_has_what_browsers_know(js: types.ModuleType) -> None:
    request = js.Request.new("https://a.b", cf=js.Object.new(colo="AMS"))
    assert request.cf.colo == "AMS"
    assert js.Request.new("https://a.b").cf is None
    assert (request.url, request.keepalive, request.destination) == ("https://a.b/", False, "")
    signal = js.AbortController.new().signal
    assert js.Request.new("https://a.b", signal=signal).signal is signal
    assert not request.signal.aborted
    assert request.signal is request.signal


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("/relative",), "TypeError: Invalid URL: /relative"),
        (("https://a.b", {"body": "x"}), "TypeError: Request with a GET or HEAD method cannot"),
        (("https://a.b", {"method": "a b"}), "TypeError: Invalid HTTP method"),
    ],
)
def test_what_no_request_can_be(js: types.ModuleType, arguments: Any, error: str) -> None:
    with pytest.raises(JsException, match=error):
        js.Request.new(*arguments)


async def test_a_native_message_has_one_view_that_keeps_attributes() -> None:
    native = NativeRequest("https://a.b", headers={"A": "1"})
    view = Request.of(native)
    view.room = "lobby"  # type: ignore[attr-defined]  # programs do that
    assert Request.of(native) is view
    assert view.native is native
    assert view.headers.get("A") == "1"
    response = NativeResponse("x")
    assert Response.of(response) is Response.of(response)
    mine = Response.new("y")
    assert Response.of(mine.native) is mine


async def test_clones_are_read_apart(js: types.ModuleType) -> None:
    for one in (
        js.Request.new("https://a.b", method="POST", body="x"),
        js.Response.new("x"),
        js.Response.new(getattr(js.ReadableStream, "from")([b"x"])),
    ):
        other = one.clone()
        assert await other.text() == await one.text() == "x"
        with pytest.raises(js.TypeError, match="Body has already been used"):
            one.clone()


# fetch.


async def test_a_request_leaves_and_its_answer_comes(world: World, js: types.ModuleType) -> None:
    world.outbound.answer = lambda request: NativeResponse("answer", 203, headers={"A": "1"})

    async def script(lab: object) -> Any:
        response = await js.fetch("https://a.b/x", method="POST", body="b", headers={"X": "1"})
        text = await response.text()
        await js.fetch(js.Request.new("https://a.b/y"), js.Object.new(method="DELETE"))
        await js.fetch(js.URL.new("https://a.b/z"))
        return response.status, response.ok, response.headers.get("a"), text

    assert await world.inside(script) == (203, True, "1", "answer")
    first, second, third = [request for request, _ in world.outbound.sent]
    assert (first.method, first.url, first.headers["X"], first.content) == (
        "POST",
        "https://a.b/x",
        "1",
        b"b",
    )
    assert (second.method, third.url) == ("DELETE", "https://a.b/z")


async def test_a_failure_is_an_error_when_awaited(world: World, js: types.ModuleType) -> None:
    async def script(lab: object) -> None:
        with pytest.raises(js.TypeError, match="Invalid URL"):
            await js.fetch("/relative")
        gone = js.fetch("https://a.b")
        await turns()
        _, on_reply = world.outbound.sent[0]
        on_reply(None, encode_error(ConnectionError("Network connection lost.")))
        with pytest.raises(JsException, match="Error: Network connection lost"):
            await gone

    await world.inside(script)


async def test_fetch_outside_of_a_handler_is_refused(js: types.ModuleType) -> None:
    with pytest.raises(JsException, match="works only while a handler"):
        await js.fetch("https://a.b")


async def test_a_request_is_called_off(world: World, js: types.ModuleType) -> None:
    async def script(lab: object) -> None:
        controller = js.AbortController.new()
        answer = asyncio.ensure_future(js.fetch("https://a.b", signal=controller.signal))
        await turns()
        controller.abort()
        with pytest.raises(JsException, match="AbortError"):
            await answer
        with pytest.raises(JsException, match="AbortError"):
            await js.fetch("https://a.b", signal=controller.signal)

    await world.inside(script)
    assert len(world.outbound.sent) == 1


async def test_a_request_is_sent_by_who_is_to_send_it() -> None:
    sent: list[NativeRequest] = []

    def send(request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        sent.append(request)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(NativeResponse("answer", 201))
        return answer

    answer = await fetch_by(send, "http://x/y", {"method": "PUT"}, body="body")
    assert (answer.status, await answer.text()) == (201, "answer")
    assert [(one.method, one.url) for one in sent] == [("PUT", "http://x/y")]
    with pytest.raises(JsException, match="Invalid URL"):
        await fetch_by(send, "/relative")
    assert len(sent) == 1


class Sends:
    """Sends requests to nowhere; they are answered with ``pipe``."""

    def __init__(self) -> None:
        self.pipe = Pipe(asyncio.get_running_loop())
        self.answers: list[asyncio.Future[NativeResponse]] = []

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(NativeResponse(self.pipe))
        self.answers.append(answer)
        return answer


REASONS: dict[str, Callable[[Any], Any]] = {
    "AbortError: The operation was aborted": lambda js: None,
    "AbortError: text": lambda js: "text",
    "TypeError: mine": lambda js: js.TypeError.new("mine"),
}


@pytest.mark.parametrize("why", REASONS)
async def test_a_body_under_way_is_called_off(js: types.ModuleType, why: str) -> None:
    sends, controller = Sends(), js.AbortController.new()
    let_go = asyncio.Event()
    sends.pipe.on_cancel = let_go.set
    answer = await fetch_by(sends, "http://x/y", signal=controller.signal)
    sends.pipe.push(b"first")
    reader = answer.body.getReader()
    assert (await reader.read()).value.to_bytes() == b"first"
    waiting = asyncio.ensure_future(reader.read())
    await turns()
    controller.abort(REASONS[why](js))
    for read in (waiting, reader.read()):
        with pytest.raises(JsException, match=why):
            await read
    assert let_go.is_set()


async def test_what_was_read_to_its_end_is_not_called_off(js: types.ModuleType) -> None:
    sends, controller = Sends(), js.AbortController.new()
    answer = await fetch_by(sends, "http://x/y", signal=controller.signal)
    sends.pipe.push(b"all")
    sends.pipe.end()
    both = answer.clone()
    assert await answer.text() == "all"
    controller.abort()
    assert await both.text() == "all"


async def test_an_abort_between_the_answer_and_who_waits_for_it_counts(
    js: types.ModuleType,
) -> None:
    sends, controller = Sends(), js.AbortController.new()
    let_go = asyncio.Event()
    sends.pipe.on_cancel = let_go.set

    async def fetching() -> Response:
        response: Response = await fetch_by(sends, "http://x/y", signal=controller.signal)
        return response

    waiting = asyncio.ensure_future(fetching())
    while not sends.answers:
        await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(JsException, match="AbortError"):
        await (await waiting).text()
    assert let_go.is_set()


async def test_a_signal_keeps_no_body_that_nobody_has(js: types.ModuleType) -> None:
    sends, controller = Sends(), js.AbortController.new()
    answer = await fetch_by(sends, "http://x/y", signal=controller.signal)
    body = weakref.ref(answer.native.content)
    del answer
    sends.answers.clear()
    gc.collect()
    assert body() is None
    assert controller.signal._listeners["abort"] == []
    controller.abort()
