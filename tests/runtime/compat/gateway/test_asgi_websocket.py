"""WebSockets of ASGI applications in a Worker, over real connections."""

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.serving import Serving

HEAD = """\
import asyncio
from perdure.gateway import asgi

heard = asyncio.Queue()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(await heard.get()).encode()})
        return
    assert await receive() == {"type": "websocket.connect"}
    await talk(scope, receive, send)

Default = asgi.entrypoint(app)
"""
ECHO = """
async def talk(scope, receive, send):
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            heard.put_nowait((message["code"], message["reason"]))
            break
        if "text" in message:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
"""


DENIAL = """await send({'type': 'websocket.http.response.start', 'status': 401, 'headers': []})
    body = {'type': 'websocket.http.response.body'}
    await send(body | {'body': b'who ', 'more_body': True})
    await send(body | {'body': b'are you?'})"""


async def told(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as response:
        return await response.text()


async def test_text_and_bytes_are_echoed_and_the_clients_close_is_heard(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(HEAD + ECHO)
    async with http.ws_connect(server.url, max_msg_size=0) as socket:
        await socket.send_str("wörld")
        assert await socket.receive_str() == "wörld"
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes() == b"\x00\xff"
        await socket.send_bytes(bytes(3_000_000))
        assert len(await socket.receive_bytes()) == 3_000_000
        await socket.close(code=4001, message=b"enough")
        assert socket.close_code == 4001
    assert await told(http, server.url) == "(4001, 'enough')"


async def test_a_client_that_vanishes_is_heard_as_1006(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(HEAD + ECHO)
    socket = await http.ws_connect(server.url)
    await socket.send_str("a")
    assert await socket.receive_str() == "a"
    assert socket._response.connection is not None
    assert socket._response.connection.transport is not None
    socket._response.connection.transport.abort()
    assert (await told(http, server.url)).startswith("(1006,")


async def test_the_application_closes_with_its_code_and_reason(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
async def talk(scope, receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "bye"})
    await send({"type": "websocket.close", "code": 4002, "reason": "over"})
    heard.put_nowait(await receive())
"""
    )
    async with http.ws_connect(server.url) as socket:
        assert await socket.receive_str() == "bye"
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4002, "over")
    # What the client has answered: aiohttp's says 1000 to every code.
    answered = "{'type': 'websocket.disconnect', 'code': 1000, 'reason': ''}"
    assert await told(http, server.url) == answered


@pytest.mark.parametrize(("end", "code"), [("return", 1000), ("raise ValueError('mine')", 1011)])
async def test_an_application_that_ends_closes(
    serve: Serving, http: aiohttp.ClientSession, end: str, code: int
) -> None:
    server = await serve(
        HEAD
        + f"""
async def talk(scope, receive, send):
    await send({{"type": "websocket.accept"}})
    {end}
"""
    )
    async with http.ws_connect(server.url) as socket:
        await socket.receive()
        assert socket.close_code == code


async def test_the_subprotocol_is_the_applications_choice(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
async def talk(scope, receive, send):
    chosen = scope["subprotocols"][-1]
    headers = [(b"x-room", b"lobby")]
    await send({"type": "websocket.accept", "subprotocol": chosen, "headers": headers})
    await send({"type": "websocket.send", "text": ",".join(scope["subprotocols"])})
"""
    )
    async with http.ws_connect(server.url, protocols=("v1", "v2")) as socket:
        assert socket.protocol == "v2"
        assert socket._response.headers["X-Room"] == "lobby"
        assert await socket.receive_str() == "v1,v2"


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("await send({'type': 'websocket.close'})", 403, ""),
        ("pass", 500, "has returned without accepting"),
        ("raise ValueError('mine')", 500, "ValueError: mine"),
        ("await send({'type': 'websocket.accept', 'subprotocol': 'x'})", 500, "offers none"),
        ("await send({'type': 'websocket.send', 'text': 'x'})", 500, "before it has accepted"),
        (
            DENIAL,
            401,
            "who are you?",
        ),
    ],
)
async def test_an_upgrade_can_be_refused(
    serve: Serving, http: aiohttp.ClientSession, text: str, status: int, body: str
) -> None:
    server = await serve(
        HEAD + f"async def talk(scope, receive, send):\n    {text}\n", show_errors=True
    )
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with http.get(server.url, headers=headers) as response:
        assert response.status == status
        assert body in await response.text()


async def test_one_task_may_listen_before_another_has_accepted(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    """Quart does so, and Django Channels."""
    server = await serve(
        HEAD
        + """
async def talk(scope, receive, send):
    listening = asyncio.create_task(receive())
    await asyncio.sleep(0)
    assert not listening.done()
    await send({"type": "websocket.close" if scope["path"] == "/no" else "websocket.accept"})
    heard.put_nowait(await listening)
"""
    )
    async with http.ws_connect(server.url) as socket:
        await socket.send_str("hello")
        assert await told(http, server.url) == "{'type': 'websocket.receive', 'text': 'hello'}"
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await http.ws_connect(f"{server.url}/no")
    assert "'websocket.disconnect'" in await told(http, server.url)


@pytest.mark.inline("the brake takes hold later where the client is in another process")
async def test_a_slow_client_holds_the_application_up_and_loses_nothing(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
class Count:
    number = -1
    async def get(self):
        return self.number

heard = Count()

async def talk(scope, receive, send):
    await send({"type": "websocket.accept"})
    for number in range(400):
        heard.number = number
        await send({"type": "websocket.send", "bytes": number.to_bytes(4, "big") * 25_000})
""",
        limits={"websocket_queue_size_bytes_max": 200_000},
    )
    async with http.ws_connect(server.url, max_msg_size=0, heartbeat=None) as socket:
        counts = [-1]
        while len(counts) < 5 or counts[-1] != counts[-4]:  # until it stands still
            counts.append(int(await told(http, server.url)))
        assert 0 < counts[-1] < 399
        for number in range(400):
            assert (await socket.receive_bytes())[:4] == number.to_bytes(4, "big")
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1000


async def test_sending_to_a_client_that_has_gone_raises(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(
        HEAD
        + """
async def talk(scope, receive, send):
    await send({"type": "websocket.accept"})
    await receive()
    try:
        await send({"type": "websocket.send", "text": "x"})
    except OSError as error:
        heard.put_nowait(error)
"""
    )
    async with http.ws_connect(server.url) as socket:
        await socket.close()
    assert await told(http, server.url) == "the client has disconnected"
