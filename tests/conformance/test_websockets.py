"""API.md 2.8, WebSockets: one test for each sentence of the standard API that applies here."""

import aiohttp
import pytest

from tests.conformance.sentence import Sentence
from tests.wire import TEXT, Wire, close_frame, frame

# The usual way of a socket to its client.
RETURN_SOCKET = """
    client, server = WebSocketPair()
    listen(server)
    server.accept()
    return Response(None, status=101, web_socket=client)
"""


async def test_the_ends_of_a_pair(sentence: Sentence) -> None:
    """2.8 Standard API: WebSocketPair has the keys 0 and 1, and is iterable."""
    got = await sentence.run("""
        pair = WebSocketPair()
        client, server = pair
        return [pair[0] is client, pair[1] is server, len(pair), list(pair) == [client, server]]
    """)
    assert got == [True, True, 2, True]


async def test_constants(sentence: Sentence) -> None:
    """2.8: CONNECTING 0 to CLOSED 3, and READY_STATE_CONNECTING and so on, on class and instance."""
    got = await sentence.run("""
        names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]
        socket = WebSocketPair()[0]
        return [[getattr(holder, prefix + name) for name in names]
                for holder in (WebSocket, socket) for prefix in ("", "READY_STATE_")]
    """)
    assert got == [[0, 1, 2, 3]] * 4


async def test_attributes_of_a_pair(sentence: Sentence) -> None:
    """2.8: url is null for pairs; protocol and extensions are empty; bufferedAmount is there."""
    got = await sentence.run("""
        socket = WebSocketPair()[0]
        return [socket.url, socket.protocol, socket.extensions, socket.buffered_amount]
    """)
    assert got == [None, "", "", 0]


async def test_both_ends_of_a_fresh_pair_are_open(sentence: Sentence) -> None:
    """2.8: both ends of a fresh pair have readyState 1 (OPEN)."""
    got = await sentence.run("return [socket.ready_state for socket in WebSocketPair()]")
    assert got == [1, 1]


async def test_accept_is_no_open_event(sentence: Sentence) -> None:
    """2.8: no 'open' event for accept()."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        listen(server)
        server.accept()
        client.accept()
        client.send("first")
        return await heard.get()
    """)
    assert got == ["socket", "message", "first"]


async def test_messages_wait_for_the_other_end(sentence: Sentence) -> None:
    """2.8: messages sent before the other end accepts are buffered and delivered on accept."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        client.accept()
        for n in range(3):
            client.send(str(n))
        await asyncio.sleep(0)
        listen(server)
        server.accept()
        return [(await heard.get())[2] for _ in range(3)]
    """)
    assert got == ["0", "1", "2"]


async def test_messages_are_text_or_bytes(sentence: Sentence) -> None:
    """2.8: send(str | ArrayBuffer | view)."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        listen(server)
        server.accept()
        client.accept()
        for message in ("text", b"bytes", bytearray(b"array"), memoryview(b"view")):
            client.send(message)
        return [str((await heard.get())[2]) for _ in range(4)]
    """)
    assert got == ["text", "b'bytes'", "b'array'", "b'view'"]


async def test_other_values_are_no_messages(sentence: Sentence) -> None:
    """2.8: send() without an argument is a TypeError. Other values are coerced there, refused here."""
    got = await sentence.run("""
        socket = WebSocketPair()[0]
        socket.accept()
        return [await raised(socket.send), await raised(socket.send, 5),
                await raised(socket.send, None), await raised(socket.send, {})]
    """)
    assert [classes[0] for classes, _ in got] == ["TypeError", *["UsageError"] * 3]
    assert "takes str or bytes, not int" in got[1][1]


async def test_both_ends_hear_the_close(sentence: Sentence) -> None:
    """2.8: both ends of a closed in-process pair get {code, reason, wasClean true, readyState 3}."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        listen(client, "client")
        listen(server, "server")
        client.accept()
        server.accept()
        client.close(4000, "bye")
        return sorted([await heard.get(), await heard.get()])
    """)
    assert got == [[name, "close", 4000, "bye", True, 3] for name in ("client", "server")]


async def test_accept_twice(sentence: Sentence) -> None:
    """2.8: accept() twice is a no-op."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        client.accept()
        client.accept()
        return client.ready_state
    """)
    assert got == 1


async def test_send_before_accept(sentence: Sentence) -> None:
    """2.8: send before accept: TypeError "You must call one of accept() or …"."""
    classes, text = await sentence.run("return await raised(WebSocketPair()[0].send, 'x')")
    assert "TypeError" in classes
    assert text == (
        "You must call one of accept() or ctx.accept_web_socket() on this WebSocket before "
        "sending messages."
    )


async def test_send_after_close(sentence: Sentence) -> None:
    """2.8: send after close(): TypeError "Can't call WebSocket send() after close()."."""
    classes, text = await sentence.run("""
        socket = WebSocketPair()[0]
        socket.accept()
        socket.close()
        return await raised(socket.send, "x")
    """)
    assert "TypeError" in classes
    assert text == "Can't call WebSocket send() after close()."


async def test_close_twice(sentence: Sentence) -> None:
    """2.8: a second close() is ignored."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        listen(server)
        server.accept()
        client.accept()
        client.close(4001, "first")
        client.close(4002, "second")
        return [client.ready_state, await heard.get()]
    """)
    assert got == [2, ["socket", "close", 4001, "first", True, 3]]


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 3000, 4999])
async def test_close_codes_that_may_be_given(sentence: Sentence, code: int) -> None:
    """2.8: close code: 1000 to 4999 except 1004, 1005, 1006, 1015."""
    await sentence.serve(
        RETURN_SOCKET.replace("server.accept()", f"server.accept(); server.close({code})")
    )
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        assert (await wire.frame()).close == (code, "")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 5000, -1, 65536, "1000"])
async def test_close_codes_that_may_not(sentence: Sentence, code: int | str) -> None:
    """2.8: otherwise "Invalid WebSocket close code: N."."""
    got = await sentence.run(f"""
        socket = WebSocketPair()[0]
        socket.accept()
        return [await raised(socket.close, {code!r}), socket.ready_state]
    """)
    assert got[0][1] == f"Invalid WebSocket close code: {code}."
    assert got[1] == 1


async def test_a_reason_needs_a_code(sentence: Sentence) -> None:
    """2.8: "If you specify a WebSocket close reason, you must also specify a code."."""
    got = await sentence.run("""
        socket = WebSocketPair()[0]
        socket.accept()
        return await raised(socket.close, None, "why")
    """)
    assert got[1] == "If you specify a WebSocket close reason, you must also specify a code."


async def test_a_reason_has_123_bytes_at_most(sentence: Sentence) -> None:
    """2.8: "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."."""
    got = await sentence.run("""
        socket = WebSocketPair()[0]
        socket.accept()
        too_long = await raised(socket.close, 1000, "ü" * 62)
        socket.close(1000, "ü" * 61)
        return [too_long[1], socket.ready_state]
    """)
    text = "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."
    assert got == [text, 2]


async def test_close_without_a_code(sentence: Sentence) -> None:
    """2.8: close() without code sends an empty close frame, received as 1005."""
    await sentence.serve(
        RETURN_SOCKET.replace("server.accept()", "server.accept(); server.close()")
    )
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        assert (await wire.frame()).payload == b""
        wire.send(close_frame())
        assert await wire.rest() == b""
    assert await sentence.heard() == ["socket", "close", 1005, "", True, 3]


async def test_listeners(sentence: Sentence) -> None:
    """2.8: addEventListener (options once), removeEventListener, on<event> attributes."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        got = []
        done = asyncio.Event()
        def both(event): got.append("both " + event.data)
        def gone(event): got.append("gone")
        async def last(event):
            await asyncio.sleep(0)
            if event.data == "2": done.set()
        server.add_event_listener("message", both)
        server.add_event_listener("message", both)
        server.add_event_listener("message", lambda event: got.append("once"), once=True)
        server.add_event_listener("message", gone)
        server.remove_event_listener("message", gone)
        server.add_event_listener("message", last)
        server.on_message = lambda event: got.append("attribute " + event.data)
        server.accept()
        client.accept()
        client.send("1")
        client.send("2")
        await done.wait()
        return got
    """)
    assert got == ["attribute 1", "both 1", "once", "attribute 2", "both 2"]


async def test_a_stream_of_messages(sentence: Sentence) -> None:
    """Issue 2: ``async for message in ws``."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        server.accept()
        client.accept()
        for n in range(3):
            client.send(str(n))
        client.close()
        return [message async for message in server]
    """)
    assert got == ["0", "1", "2"]


async def test_a_listener_that_throws(sentence: Sentence, caplog: pytest.LogCaptureFixture) -> None:
    """2.8: a listener that throws: 'error' event "Uncaught …: <msg>", then the connection ends."""
    await sentence.serve("""
        client, server = WebSocketPair()
        listen(server)
        def fail(event):
            raise ValueError("no good")
        server.add_event_listener("message", fail)
        server.accept()
        return Response(None, status=101, web_socket=client)
    """)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        wire.send(frame(TEXT, "go"))
        assert (await wire.frame()).close[0] == 1011
        assert await sentence.heard() == ["socket", "message", "go"]
        assert await sentence.heard() == ["socket", "error", "Uncaught ValueError: no good"]
    assert "no good" in caplog.text


async def test_a_peer_that_vanishes(sentence: Sentence) -> None:
    """2.8: 'close' 1006 "WebSocket disconnected without sending Close frame.", wasClean false."""
    await sentence.serve(RETURN_SOCKET)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        wire.vanish()
    reason = "WebSocket disconnected without sending Close frame."
    assert await sentence.heard() == ["socket", "close", 1006, reason, False, 3]


async def test_a_close_frame_is_answered_with_its_own_code(sentence: Sentence) -> None:
    """2.8: the API echoes the peer's code and reason; readyState is CLOSED in the close event."""
    await sentence.serve(RETURN_SOCKET)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        wire.send(close_frame(4123, "bye"))
        assert await wire.close_frame() == (4123, "bye")
    assert await sentence.heard() == ["socket", "close", 4123, "bye", True, 3]


async def test_messages_of_32_mib_at_most(sentence: Sentence) -> None:
    """2.8: message size limit 32 MiB received (1009 on excess)."""
    await sentence.serve(RETURN_SOCKET)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        wire.send(b"\x82\xff" + (32 * 2**20 + 1).to_bytes(8, "big") + b"mask")
        assert (await wire.frame()).close[0] == 1009


async def test_a_response_with_a_socket_is_a_101(sentence: Sentence) -> None:
    """2.8: "Responses with a WebSocket must have status code 101."."""
    got = await sentence.run("""
        client, server = WebSocketPair()
        return [await raised(Response, None, status=200, web_socket=client),
                await raised(Response, None, web_socket=client)]
    """)
    assert [text for _, text in got] == [
        "Responses with a WebSocket must have status code 101."
    ] * 2


async def test_a_101_has_a_socket(sentence: Sentence) -> None:
    """2.8: 101 without one: "… status codes in the range 200 to 599, inclusive."."""
    _, text = await sentence.run("return await raised(Response, None, status=101)")
    assert text.startswith(
        "Responses may only be constructed with status codes in the range 200 to 599, inclusive."
    )


async def test_a_101_has_no_body(sentence: Sentence) -> None:
    """2.8: "Response with null body status (101, 204, 205, or 304) cannot have a body."."""
    classes, text = await sentence.run(
        "return await raised(Response, 'x', status=101, web_socket=WebSocketPair()[0])"
    )
    assert "TypeError" in classes
    assert text == "Response with null body status (101, 204, 205, or 304) cannot have a body."


async def test_an_end_that_was_accepted_fails_when_it_is_sent(
    sentence: Sentence, caplog: pytest.LogCaptureFixture
) -> None:
    """2.8: a Response around an accepted end does not throw; sending it fails: the client sees 500."""
    await sentence.serve("""
        client, server = WebSocketPair()
        client.accept()
        return Response(None, status=101, web_socket=client)
    """)
    async with await Wire.connect(sentence.server.url) as wire:
        assert (await wire.upgrade()).status == 500
    assert "Can't return WebSocket in a Response after calling accept()" in caplog.text


async def test_an_end_can_be_sent_once(sentence: Sentence) -> None:
    """2.8: a Response around an end that was used does not throw; the client sees 500."""
    await sentence.serve("""
        if not hasattr(heard, "client"):
            heard.client, server = WebSocketPair()
            server.accept()
            server.send("hello")
        return Response(None, status=101, web_socket=heard.client)
    """)
    async with await Wire.connect(sentence.server.url) as wire:
        assert (await wire.upgrade()).status == 101
        async with await Wire.connect(sentence.server.url) as other:
            assert (await other.upgrade()).status == 500
        assert await wire.text() == "hello", "the first one is not disturbed"


async def test_headers_of_the_101_reach_the_client(sentence: Sentence) -> None:
    """2.8: response headers on the 101 reach the client (Sec-WebSocket-Protocol, Set-Cookie, X-…)."""
    await sentence.serve("""
        client, server = WebSocketPair()
        server.accept()
        headers = {"Sec-WebSocket-Protocol": "chat", "Set-Cookie": "a=1", "X-Own": "yes"}
        return Response(None, status=101, headers=headers, web_socket=client)
    """)
    async with sentence.http.ws_connect(sentence.server.url, protocols=["chat"]) as ws:
        assert ws.protocol == "chat"
        assert ws.get_extra_info("peername") is not None
        assert ws._response.headers["X-Own"] == "yes"
        assert ws._response.headers["Set-Cookie"] == "a=1"


async def test_subprotocols_are_not_negotiated(sentence: Sentence) -> None:
    """2.8: sub-protocols are not negotiated automatically."""
    await sentence.serve(RETURN_SOCKET)
    async with sentence.http.ws_connect(sentence.server.url, protocols=["chat"]) as ws:
        assert ws.protocol is None


async def test_no_compression(sentence: Sentence) -> None:
    """2.8: permessage-deflate is a compatibility flag there; here websocket_compression."""
    await sentence.serve(RETURN_SOCKET)
    async with sentence.http.ws_connect(sentence.server.url, compress=15) as ws:
        assert ws.compress == 0


async def test_a_101_without_an_upgrade(
    sentence: Sentence, caplog: pytest.LogCaptureFixture
) -> None:
    """2.8: the client gets 500 "Internal Server Error"; the log a TypeError that says why."""
    await sentence.serve(RETURN_SOCKET)
    async with sentence.http.get(sentence.server.url) as response:
        assert (response.status, await response.text()) == (500, "Internal Server Error\n")
    assert (
        "TypeError: Worker tried to return a WebSocket in a response to a request which did not "
        'contain the header "Upgrade: websocket".'
    ) in caplog.text


@pytest.mark.parametrize("result", ["None", "'text'"])
async def test_a_handler_that_returns_no_response(
    sentence: Sentence, caplog: pytest.LogCaptureFixture, result: str
) -> None:
    """2.8: 500, log "Incorrect type for Promise: the Promise did not resolve to 'Response'."."""
    members = f"async def fetch(self, request):\n    return {result}"
    await sentence.serve("return 1", members=members)
    assert await sentence.get("/actor") == 500
    assert "the Promise did not resolve to 'Response'" in caplog.text


async def test_a_client_of_another_server(sentence: Sentence) -> None:
    """2.8: fetch with Upgrade: websocket, then resp.webSocket (null if not upgraded) and accept()."""
    await sentence.serve("""
        if request.is_upgrade:
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send("echo " + event.data)
            return Response(None, status=101, web_socket=client)
        if request.parsed_url.path == "/plain":
            return Response("plain")
        base = request.url.rstrip("/")
        plain = await fetch(base + "/plain")
        response = await fetch(base + "/socket", headers={"Upgrade": "websocket"})
        socket = response.web_socket
        before = await raised(socket.send, "too soon")
        listen(socket)
        socket.accept()
        socket.send("hello")
        return [plain.web_socket, response.status, before is not None, socket.ready_state,
                await heard.get()]
    """)
    got = await sentence.get()
    assert got == [None, 101, True, 1, ["socket", "message", "echo hello"]]


@pytest.mark.parametrize("how", ["env.THING.get_by_name('one').fetch(request)", "fetch(request)"])
async def test_the_upgrade_is_passed_through(sentence: Sentence, how: str) -> None:
    """2.8: a Worker passes it on: return await stub.fetch(request), or return await fetch(request)."""
    await sentence.serve(f"""
        if request.parsed_url.path == "/end" or isinstance(self, DurableObject):
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send("echo " + event.data)
            return Response(None, status=101, web_socket=client)
        request = Request(request.url.rstrip("/") + "/end", headers=request.headers)
        return await {how}
    """)
    async with sentence.http.ws_connect(sentence.server.url) as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "echo hello"


# Sockets whose events go to the class's own handlers.

HANDLERS = """
    def web_socket_message(self, socket, message):
        heard.put_nowait(["message", str(message), socket.ready_state])
        if message == "raise":
            raise ValueError("no good")
        socket.send(message)

    async def web_socket_close(self, socket, code, reason, was_clean):
        heard.put_nowait(["close", code, reason, was_clean])

    def web_socket_error(self, socket, error):
        heard.put_nowait(["error", str(error)])
"""
TAKE = """
    client, server = WebSocketPair()
    ctx.accept_web_socket(server, ["tag"])
    return Response(None, status=101, web_socket=client)
"""


async def test_handlers_of_the_class(sentence: Sentence) -> None:
    """2.8 Hibernation API: webSocketMessage(ws, str | bytes), webSocketClose(ws, code, reason, clean)."""
    await sentence.serve(TAKE, members=HANDLERS)
    async with sentence.http.ws_connect(f"{sentence.server.url}/actor") as ws:
        await ws.send_str("text")
        assert await ws.receive_str() == "text"
        await ws.send_bytes(b"bytes")
        assert await ws.receive_bytes() == b"bytes"
        await ws.close(code=4000, message=b"bye")
    assert await sentence.heard() == ["message", "text", 1]
    assert await sentence.heard() == ["message", "b'bytes'", 1]
    assert await sentence.heard() == ["close", 4000, "bye", True]


async def test_a_handler_of_the_class_that_throws(
    sentence: Sentence, caplog: pytest.LogCaptureFixture
) -> None:
    """2.8: an exception in a handler is logged, and neither closes the socket nor resets the object."""
    await sentence.serve(TAKE, members=HANDLERS)
    async with sentence.http.ws_connect(f"{sentence.server.url}/actor") as ws:
        await ws.send_str("raise")
        await ws.send_str("go on")
        assert await ws.receive_str() == "go on"
    assert "no good" in caplog.text
    assert sentence.server.statistics().actors_started == 1


async def test_handlers_that_are_missing(sentence: Sentence) -> None:
    """2.8: missing handlers are ignored; addEventListener on such a socket has no effect."""
    await sentence.serve(TAKE.replace("ctx.accept", "listen(server); ctx.accept"))
    async with sentence.http.ws_connect(f"{sentence.server.url}/actor") as ws:
        await ws.send_str("nobody hears")
        await ws.close(code=4000)
        assert ws.close_code == 4000
    assert sentence.server.statistics().sessions == 0


async def test_a_handler_hears_of_one_that_vanishes(sentence: Sentence) -> None:
    """2.8: abnormal loss gives webSocketClose(1006, "…", false)."""
    await sentence.serve(TAKE, members=HANDLERS)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade("/actor")
        wire.vanish()
    reason = "WebSocket disconnected without sending Close frame."
    assert await sentence.heard() == ["close", 1006, reason, False]


async def test_a_handler_hears_of_one_that_breaks_the_protocol(sentence: Sentence) -> None:
    """2.8: webSocketError(ws, error): connection-level failures."""
    await sentence.serve(TAKE, members=HANDLERS)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade("/actor")
        wire.send(frame(0x3))
        assert (await wire.frame()).close[0] == 1002
    assert (await sentence.heard())[0] == "error"
    assert (await sentence.heard())[:2] == ["close", 1002]


async def test_sockets_that_cannot_be_taken(sentence: Sentence) -> None:
    """2.8: the errors of acceptWebSocket() for sockets that are in use."""
    got = await sentence.run(
        """
        client, server = WebSocketPair()
        server.accept()
        taken, other = WebSocketPair()
        ctx.accept_web_socket(taken)
        return [(await raised(ctx.accept_web_socket, server))[1],
                (await raised(ctx.accept_web_socket, client))[1],
                (await raised(taken.accept))[1]]
        """,
        "/actor",
    )
    assert got == [
        "Cannot call `accept_web_socket()` if the WebSocket was already accepted via `accept()`",
        (
            "Cannot call `accept_web_socket()` on this WebSocket because its pair has already "
            "been accepted or used in a Response."
        ),
        "Can't accept() WebSocket after enabling hibernation.",
    ]


async def test_tags(sentence: Sentence) -> None:
    """2.8: at most 10 distinct tags of 256 characters; duplicates collapse; a str is a TypeError."""
    got = await sentence.run(
        """
        taken, _ = WebSocketPair()
        ctx.accept_web_socket(taken, ["a", "b", "a"])
        fresh = WebSocketPair()[0]
        plain = WebSocketPair()[0]
        plain.accept()
        return [ctx.get_tags(taken), len(ctx.get_web_sockets("a")), len(ctx.get_web_sockets("c")),
                (await raised(ctx.accept_web_socket, fresh, [str(n) for n in range(11)]))[1],
                (await raised(ctx.accept_web_socket, fresh, ["x" * 257]))[1],
                (await raised(ctx.accept_web_socket, fresh, "tag")) is not None,
                (await raised(ctx.get_tags, plain))[1], (await raised(ctx.get_tags, fresh))[1]]
        """,
        "/actor",
    )
    assert got[:3] == [["a", "b"], 1, 0]
    assert "a Hibernatable WebSocket cannot have more than 10 tags" in got[3]
    assert "is longer than the max tag length (256 characters)" in got[4]
    assert got[5] is True
    assert got[6] == "only hibernatable websockets can have tags."
    assert got[7].startswith("you must call 'accept_web_socket()' before attempting to access")


async def test_sessions_are_the_actors_map(sentence: Sentence) -> None:
    """Issue 2: ctx.sessions, the one object behind everything that counts, lists or addresses."""
    await sentence.serve("""
        if not request.is_upgrade:
            return [len(ctx.sessions), [socket.ready_state for socket in ctx.sessions.values()],
                    all(ctx.sessions[id] is socket for id, socket in ctx.sessions.items())]
        client, server = WebSocketPair()
        server.accept()
        return Response(None, status=101, web_socket=client)
    """)
    url = f"{sentence.server.url}/actor"
    async with sentence.http.ws_connect(url), sentence.http.ws_connect(url) as second:
        assert await sentence.get("/actor") == [2, [1, 1], True]
        await second.close()
        assert await sentence.get("/actor") == [1, [1], True]


async def test_a_client_that_answers_nothing(
    sentence: Sentence, http: aiohttp.ClientSession
) -> None:
    """2.8: a message of the server reaches a client that only listens."""
    await sentence.serve(
        RETURN_SOCKET.replace("server.accept()", "server.accept(); server.send('hi')")
    )
    async with http.ws_connect(sentence.server.url) as ws:
        assert await ws.receive_str() == "hi"
