"""FastAPI's chat: a page, a WebSocket for each client, and a manager that knows them all."""

from pathlib import Path

import aiohttp
import pytest

from tests.browser import Tab, chromium
from tests.serving import Serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.inline("the manager knows the clients of one process"),
]

CHAT = '''
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from perdure.gateway import asgi

PAGE = """<!doctype html><meta charset=utf-8><title>Chat</title>
<h1>Chat of <span id=me></span></h1>
<form><input id=text autocomplete=off><button>Send</button></form>
<ul></ul>
<script>
const me = location.hash.slice(1);
document.querySelector("#me").textContent = me;
const socket = new WebSocket(`ws://${location.host}/ws/${me}`);
socket.onopen = () => document.body.className = "open";
socket.onmessage = event => {
  const line = document.createElement("li");
  line.textContent = event.data;
  document.querySelector("ul").append(line);
};
document.querySelector("form").onsubmit = event => {
  event.preventDefault();
  const field = document.querySelector("#text");
  socket.send(field.value);
  field.value = "";
};
</script>"""


class ConnectionManager:
    def __init__(self):
        self.active = []

    async def connect(self, socket):
        await socket.accept()
        self.active.append(socket)

    def disconnect(self, socket):
        self.active.remove(socket)

    async def broadcast(self, message):
        for socket in self.active:
            await socket.send_text(message)


app = FastAPI()
manager = ConnectionManager()
Default = asgi.entrypoint(app)


@app.get("/")
async def page():
    return HTMLResponse(PAGE)


@app.websocket("/ws/{client_id}")
async def chat(socket: WebSocket, client_id: int):
    await manager.connect(socket)
    try:
        while True:
            text = await socket.receive_text()
            await socket.send_text(f"You wrote: {text}")
            await manager.broadcast(f"Client #{client_id} says: {text}")
    except WebSocketDisconnect:
        manager.disconnect(socket)
        await manager.broadcast(f"Client #{client_id} left the chat")
'''


async def say(tab: Tab, text: str) -> None:
    await tab.run(
        f"document.querySelector('#text').value = '{text}';"
        "document.querySelector('form').requestSubmit()"
    )


async def lines(tab: Tab, count: int) -> object:
    await tab.wait_for(f"document.querySelectorAll('li').length >= {count}")
    return await tab.run("[...document.querySelectorAll('li')].map(line => line.textContent)")


async def test_two_pages_chat_through_fastapi(
    serve: Serving, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = await serve(CHAT)
    async with chromium(tmp_path / "profile", http) as new_tab:
        one, two = Tab(await new_tab()), Tab(await new_tab())
        for number, tab in ((1, one), (2, two)):
            await tab.open(f"{server.url}/#{number}")
            await tab.wait_for("document.body.className === 'open'")
        await say(one, "good evening")
        assert await lines(one, 2) == ["You wrote: good evening", "Client #1 says: good evening"]
        assert await lines(two, 1) == ["Client #1 says: good evening"]
        await say(two, "hello")
        assert await lines(one, 3) == [
            "You wrote: good evening",
            "Client #1 says: good evening",
            "Client #2 says: hello",
        ]
        await two.run("socket.close()")
        assert (await lines(one, 4))[-1] == "Client #2 left the chat"  # type: ignore[index]  # a list of texts
