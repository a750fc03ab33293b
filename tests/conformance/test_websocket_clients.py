"""API.md 2.8, the parts of the standard API that connect out, or say how a socket behaves."""

import pytest

from tests.conformance.sentence import Sentence
from tests.wire import Wire, close_frame

# /end echoes; everything else is a client of it.
CLIENT = """
    base = request.url.rstrip("/")
    if request.is_upgrade:
        client, server = WebSocketPair()
        server.accept()
        server.on_message = lambda event: server.send("echo " + event.data)
        headers = {}
        if "chat" in request.headers.get("Sec-WebSocket-Protocol", ""):
            headers["Sec-WebSocket-Protocol"] = "chat"
        return Response(None, status=101, headers=headers, web_socket=client)
    socket = WebSocket(base.replace("http", "SCHEME", 1) + "/end", ["chat", "talk"])
    before = [socket.ready_state, (await raised(socket.send, "too soon"))[0][0]]
    listen(socket)
    got = [await heard.get()]
    socket.send("hello")
    got.append(await heard.get())
    return [before, got, socket.ready_state, socket.protocol, socket.url.split(":")[0]]
"""


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_client_opens_by_itself(sentence: Sentence, scheme: str) -> None:
    """2.8: new WebSocket(url, protocols?) (ws/wss/http/https): dispatches 'open', no accept()."""
    await sentence.serve(CLIENT.replace("SCHEME", scheme))
    assert await sentence.get() == [
        [0, "SocketStateError"],
        [["socket", "open"], ["socket", "message", "echo hello"]],
        1,
        "chat",
        "ws",
    ]


async def test_urls_that_are_refused(sentence: Sentence) -> None:
    """2.8: fragment or bad scheme is a SyntaxError there, an InvalidUrl here."""
    got = await sentence.run("""
        return [(await raised(WebSocket, url))[0][0]
                for url in ("ws://a.test/#x", "ftp://a.test/", "/relative", "nonsense")]
    """)
    assert got == ["InvalidUrl"] * 4


async def test_a_connection_that_fails(sentence: Sentence) -> None:
    """2.8: failure: 'error', then 'close' 1006 "Failed to establish websocket connection"."""
    got = await sentence.run("""
        listen(WebSocket("ws://127.0.0.1:1/"))
        return [await heard.get(), await heard.get()]
    """)
    assert got[0][:2] == ["socket", "error"]
    why = "Failed to establish websocket connection"
    assert got[1] == ["socket", "close", 1006, why, False, 3]


async def test_half_open(sentence: Sentence) -> None:
    """2.8: accept({allowHalfOpen: true}): readyState CLOSING; user code must call close()."""
    await sentence.serve("""
        client, server = WebSocketPair()
        listen(server)
        server.accept(allow_half_open=True)

        def on_close(event):
            heard.put_nowait([event.code, server.ready_state])
            server.send("last words")
            server.close(4001, "mine")

        server.add_event_listener("close", on_close)
        return Response(None, status=101, web_socket=client)
    """)
    async with await Wire.connect(sentence.server.url) as wire:
        await wire.upgrade()
        wire.send(close_frame(4000, "yours"))
        assert await wire.text() == "last words"
        assert await wire.close_frame() == (4001, "mine")
    assert await sentence.heard() == ["socket", "close", 4000, "yours", True, 2]
    assert await sentence.heard() == [4000, 2]


async def test_the_binary_type(sentence: Sentence) -> None:
    """2.8: "blob" by default; "zzz" is ignored. A message is bytes in any case, natively."""
    got = await sentence.run("""
        one, other = WebSocketPair()
        one.accept()
        other.accept()
        types = [one.binary_type]
        for value in ("zzz", "arraybuffer"):
            one.binary_type = value
            types.append(one.binary_type)
        one.on_message = lambda event: heard.put_nowait(type(event.data).__name__)
        other.send(b"x")
        return [types, await heard.get()]
    """)
    assert got == [["blob", "blob", "arraybuffer"], "bytes"]


async def test_events_of_ones_own(sentence: Sentence) -> None:
    """2.8: dispatchEvent. Here listeners hear it in a turn of their own, as everything."""
    got = await sentence.run("""
        socket, _ = WebSocketPair()
        socket.accept()
        listen(socket)
        socket.dispatch_event(MessageEvent("mine"))
        return await heard.get()
    """)
    assert got == ["socket", "message", "mine"]
