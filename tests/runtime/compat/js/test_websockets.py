"""``WebSocket`` and what belongs to it."""

import asyncio
import types
from typing import Any

import pytest

from perdure.actors.session import CloseFrame
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.websockets import WebSocket, WebSocketRequestResponsePair
from tests.world import FakeLink, World, turns


async def accepted(world: World) -> tuple[WebSocket, FakeLink]:
    """A socket that an actor has accepted, as a program sees it, and its peer."""
    native, link = await world.accepted()
    return WebSocket.of(native), link


# Pairs.


def test_a_pair_in_four_spellings(js: types.ModuleType) -> None:
    pair = js.WebSocketPair.new()
    client, server = pair.object_values()
    assert (pair["0"], pair["1"]) == (client, server) == (pair[0], pair[1])
    assert js.Object.values(pair) == [client, server]
    assert (getattr(pair, "0"), getattr(pair, "1")) == (client, server)
    first, second = pair
    assert (first, second) == (client, server)
    assert js.Object.keys(pair) == pair.object_keys() == ["0", "1"]
    assert (len(pair), pair.length) == (2, 2)
    with pytest.raises(KeyError):
        pair["2"]
    assert not hasattr(pair, "2")


def test_a_socket_is_one_object_that_carries_attributes(js: types.ModuleType) -> None:
    pair = js.WebSocketPair.new()
    one, other = pair["0"], pair["1"]
    one.user = {"name": "Ada"}
    assert pair["0"].user == {"name": "Ada"}
    assert pair["0"] is one
    assert one == pair["0"]
    assert one != other
    assert {one: "one", other: "other"}[pair["0"]] == "one"
    assert id(pair["1"]) == id(other)
    assert (one.constructor.name, one.url, one.protocol, one.extensions) == (
        "WebSocket",
        None,
        "",
        "",
    )
    assert one.readyState == one.OPEN == js.WebSocket.READY_STATE_OPEN == 1
    assert (js.WebSocket.CONNECTING, one.CLOSING, one.READY_STATE_CLOSED) == (0, 2, 3)
    assert "not accepted" in repr(one)


# Sending.


async def test_what_is_sent_leaves_as_text_or_bytes(world: World, js: types.ModuleType) -> None:
    socket, link = await accepted(world)

    def script(lab: object) -> None:
        socket.send("text")
        socket.send(js.Uint8Array.new(b"array"))
        socket.send(js.ArrayBuffer.new(2))
        socket.send(b"bytes")
        socket.send(5)
        socket.send(None)
        socket.send({"a": 1})

    await world.inside(script)
    assert link.sent == ["text", b"array", b"\0\0", b"bytes", "5", "undefined", "[object Object]"]


async def test_what_cannot_be_sent_is_told_in_the_platforms_words(
    world: World, js: types.ModuleType
) -> None:
    socket, _ = await accepted(world)
    with pytest.raises(js.TypeError, match="parameter 1 is not of type 'ArrayBuffer or Arr"):
        socket.send()
    unaccepted = js.WebSocketPair.new()["0"]
    message = (
        r"You must call one of accept\(\) or state.acceptWebSocket\(\) on this WebSocket before"
    )
    with pytest.raises(JsException, match=message):
        unaccepted.send("x")

    def script(lab: object) -> None:
        socket.close(1000, "bye")
        socket.close(1000, "again")
        with pytest.raises(JsException, match="TypeError: Can't call WebSocket send"):
            socket.send("x")

    await world.inside(script)
    assert socket.readyState == socket.CLOSING


@pytest.mark.parametrize(
    ("arguments", "name", "message"),
    [
        ((5,), "InvalidAccessError", "Invalid WebSocket close code: 5."),
        ((None, "x"), "InvalidAccessError", "If you specify a WebSocket close reason"),
        ((1000, "x" * 124), "SyntaxError", "must not be longer than 123 bytes"),
    ],
)
async def test_what_cannot_be_said_when_closing(
    world: World, arguments: Any, name: str, message: str
) -> None:
    socket, _ = await accepted(world)
    with pytest.raises(JsException) as caught:
        socket.close(*arguments)
    assert caught.value.name == name
    assert message in caught.value.message


async def test_accepting_needs_a_handler(js: types.ModuleType) -> None:
    with pytest.raises(JsException, match="only while a handler"):
        js.WebSocketPair.new()["0"].accept()


async def test_both_ends_of_a_pair_talk(world: World, js: types.ModuleType) -> None:
    heard: list[Any] = []

    def script(lab: object) -> None:
        client, server = js.WebSocketPair.new().object_values()
        server.accept(js.Object.new(allowHalfOpen=True))
        client.accept()
        client.addEventListener("message", lambda event: heard.append(event.data))
        server.send("hello")

    await world.inside(script)
    await turns()
    assert heard == ["hello"]


# Listening.


async def test_listeners_of_all_kinds_hear(world: World, js: types.ModuleType, ffi: Any) -> None:
    socket, link = await accepted(world)
    heard: list[Any] = []

    async def in_a_task(event: Any) -> None:
        await asyncio.sleep(0)
        heard.append(("async", event.data))

    socket.onmessage = lambda event: heard.append(("attribute", event.data))  # type: ignore[attr-defined]  # made in a loop
    socket.addEventListener("message", lambda event: heard.append(("function", event.data)))
    socket.addEventListener("message", ffi.create_proxy(in_a_task))
    socket.addEventListener("message", lambda event: heard.append("once"), once=True)
    socket.addEventListener("unknown", in_a_task)
    link.says("a")
    await turns()
    assert heard == [("attribute", "a"), ("function", "a"), "once", ("async", "a")]
    heard.clear()
    link.says("b")
    await turns()
    assert "once" not in heard
    assert len(heard) == 3


async def test_a_listener_is_removed(world: World, ffi: Any) -> None:
    socket, link = await accepted(world)
    heard: list[Any] = []

    def listener(event: Any) -> None:
        heard.append(event.data)

    proxy = ffi.create_proxy(listener)
    socket.addEventListener("message", proxy)
    socket.addEventListener("message", listener)
    link.says("a")
    await turns()
    assert heard == ["a"], "it is one listener"
    socket.removeEventListener("message", proxy)
    socket.removeEventListener("unknown", proxy)
    socket.onmessage = proxy  # type: ignore[attr-defined]  # made in a loop
    assert socket.onmessage is listener  # type: ignore[attr-defined]  # likewise
    socket.onmessage = None  # type: ignore[attr-defined]  # likewise
    link.says("b")
    await turns()
    assert heard == ["a"]


async def test_binary_messages_are_buffers_unless_blobs_are_asked_for(
    world: World, js: types.ModuleType, ffi: Any
) -> None:
    socket, link = await accepted(world)
    heard: list[Any] = []
    socket.addEventListener("message", lambda event: heard.append(event.data))
    link.says(b"one")
    socket.binaryType = "arraybuffer"
    link.says(b"two")
    socket.binaryType = "blob"
    link.says(b"three")
    await turns()
    one, two, three = heard
    assert isinstance(one, ffi.JsBuffer)
    assert one.to_bytes() == bytes(one) == one.to_py() == b"one"
    assert one.constructor.name == "ArrayBuffer"
    assert (await one.text(), one.size) == ("one", 3)
    assert (await one.arrayBuffer()) is one
    assert (await one.bytes()).to_bytes() == b"one"
    assert two.decode() == "two"
    assert isinstance(three, js.Blob)
    assert await three.text() == "three"
    assert socket.binaryType == "blob"


async def test_the_end_is_told(world: World) -> None:
    socket, link = await accepted(world)
    heard: list[Any] = []
    socket.onclose = lambda event: heard.append(  # type: ignore[attr-defined]  # made in a loop
        (event.type, event.code, event.reason, event.wasClean, event.target is socket)
    )
    link.says(CloseFrame(4000, "done"))
    await turns()
    assert heard == [("close", 4000, "done", True, True)]
    assert socket.readyState == socket.CLOSED


async def test_a_listener_that_raises_is_told_as_an_error(world: World) -> None:
    socket, link = await accepted(world)
    heard: list[Any] = []

    def broken(event: Any) -> None:
        raise ValueError("oops")

    socket.addEventListener("message", broken)
    socket.addEventListener("error", lambda event: heard.append((event.message, event.error)))
    socket.addEventListener("close", lambda event: heard.append(event.wasClean))
    link.says("x")
    await turns()
    (message, error), was_clean = heard
    assert message == "Uncaught ValueError: oops"
    assert isinstance(error, JsException)
    assert not was_clean


async def test_an_event_of_the_programs_making(world: World, js: types.ModuleType) -> None:
    socket, _ = await accepted(world)
    heard: list[Any] = []
    for name in ("message", "close", "error", "open"):
        socket.addEventListener(name, heard.append)
    assert socket.dispatchEvent(js.MessageEvent.new("message", data="mine"))
    socket.dispatchEvent(js.CloseEvent.new("close", code=4001, reason="r", wasClean=True))
    socket.dispatchEvent(js.ErrorEvent.new("error", message="m"))
    socket.dispatchEvent(js.Event.new("open"))
    await turns()
    message, close, error, opened = heard
    assert (message.data, close.code, close.wasClean) == ("mine", 4001, True)
    assert (error.message, error.error, opened.type) == ("m", None, "open")
    with pytest.raises(js.TypeError, match="no event 'other'"):
        socket.dispatchEvent(js.Event.new("other"))


# What is kept with a socket.


async def test_what_is_kept_comes_back_as_a_copy(
    world: World, js: types.ModuleType, ffi: Any
) -> None:
    socket, _ = await accepted(world)
    assert socket.deserializeAttachment() is None
    value = {"name": "Ada", "rooms": ["a"], "data": b"x"}
    for kept in (
        value,
        ffi.to_js(value),
        ffi.to_js(value, dict_converter=js.Object.fromEntries),
        ffi.create_proxy(value),
    ):
        socket.serializeAttachment(kept)
        again = socket.deserializeAttachment()
        assert (again.name, again.get("name"), again["rooms"]) == ("Ada", "Ada", ["a"])
        assert type(again.to_py()) is dict
        assert again.data.to_bytes() == b"x"
        assert again is not socket.deserializeAttachment()
    socket.serializeAttachment("text")
    assert socket.deserializeAttachment() == "text"


async def test_what_cannot_be_kept(world: World, js: types.ModuleType) -> None:
    socket, _ = await accepted(world)
    with pytest.raises(JsException, match="Error: A WebSocket 'attachment' cannot be larger than"):
        socket.serializeAttachment("x" * 20000)
    with pytest.raises(JsException) as caught:
        socket.serializeAttachment(lambda: 1)
    assert caught.value.name == "DataCloneError"


# Connections to others.


async def test_a_connection_to_another_server(world: World, js: types.ModuleType) -> None:
    made: list[Any] = []

    def script(lab: object) -> None:
        socket = js.WebSocket.new("wss://a.b/chat", js.Array.new("v1"))
        made.append(socket)
        assert socket.readyState == socket.CONNECTING
        with pytest.raises(js.SyntaxError):
            js.WebSocket.new("ftp://a.b")
        with pytest.raises(js.SyntaxError):
            js.WebSocket.new("wss://a.b/#fragment")

    await world.inside(script)
    [(request, _)] = world.outbound.sent
    assert request.headers["Upgrade"] == "websocket"
    assert request.headers["Sec-WebSocket-Protocol"] == "v1"
    assert made[0].url.startswith("wss://a.b/chat")
    assert WebSocket.of(made[0].native) is made[0]


# Answers without waking.


def test_a_text_and_its_answer(js: types.ModuleType) -> None:
    pair = js.WebSocketRequestResponsePair.new("ping", "pong")
    assert (pair.request, pair.response) == ("ping", "pong")
    assert js.Object.entries(pair) == [["request", "ping"], ["response", "pong"]]
    again = WebSocketRequestResponsePair.of(pair.native)
    assert (again.request, again.response) == ("ping", "pong")
    with pytest.raises(js.RangeError, match="Request cannot be larger than 2048 bytes"):
        js.WebSocketRequestResponsePair.new("x" * 2049, "y")
