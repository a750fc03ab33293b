"""A perdure program as an application of aiohttp: ``app.add_subapp("/rooms", aiohttp_app())``.

aiohttp is spoken to as a server of ASGI is: one side that answers, whichever server asks.
"""

import asyncio
from pathlib import Path
from typing import Unpack

from aiohttp import WSMsgType, web

from ..config.model import WorkerConfig
from .asgi_application import AsgiApplication
from .asgi_request import Message, Scope
from .mount import Mount, MountOptions

MOUNT = web.AppKey("perdure.MOUNT", Mount)
"""Where an ``aiohttp_app`` has its program: ``rooms[perdure.MOUNT].env`` are the bindings."""

_PATTERN = "/{tail:.*}"
_SHOWN_PATTERN = "/{tail}"


def aiohttp_app(
    config: str | Path | WorkerConfig = "wrangler.toml", **options: Unpack[MountOptions]
) -> web.Application:
    """Make an application of aiohttp of a perdure program, to be run or to be a subapp.

    Its data directory is opened when the application starts, and let go of when that shuts down.
    ``app[perdure.MOUNT]`` has the program's ``env``, and ``call`` for other threads.

    Args:
        config: The configuration file, or one that is read.
        options: ``data_dir``, ``env``, ``show_errors`` and ``delete_data``: see ``MountOptions``.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    mount = Mount(config, **options)
    inner = AsgiApplication(mount)
    app = web.Application()
    app[MOUNT] = mount

    async def handle(request: web.Request) -> web.StreamResponse:
        exchange = _Exchange(request)
        await inner(exchange.scope(), exchange.receive, exchange.send)
        return exchange.response or web.Response(status=500)

    async def open_it(_: web.Application) -> None:
        await mount.open()

    async def close_it(_: web.Application) -> None:
        await mount.close()

    app.router.add_route("*", _PATTERN, handle)
    app.on_startup.append(open_it)
    app.on_shutdown.append(close_it)
    return app


class _Answer(web.StreamResponse):
    """aiohttp's response, without a content type that nobody has named."""

    async def _prepare_headers(self) -> None:
        is_named = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not is_named:
            self.headers.pop("Content-Type", None)


class _Exchange:
    """One request of aiohttp's, in the words of ASGI."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._is_upgrade = web.WebSocketResponse().can_prepare(request).ok
        self._is_connected = False
        self._body_ended = False
        self._socket: web.WebSocketResponse | None = None
        self.response: web.StreamResponse | None = None

    def scope(self) -> Scope:
        request = self._request
        resource = request.match_info.route.resource
        root = "" if resource is None else resource.canonical.removesuffix(_SHOWN_PATTERN)
        scheme = request.scheme
        if self._is_upgrade:
            scheme = "wss" if scheme == "https" else "ws"
        transport = request.transport
        peer = None if transport is None else transport.get_extra_info("peername")
        own = None if transport is None else transport.get_extra_info("sockname")
        path, _, query = request.raw_path.partition("?")
        return {
            "type": "websocket" if self._is_upgrade else "http",
            "method": request.method,
            "scheme": scheme,
            "path": request.path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": root,
            "headers": request.raw_headers,
            "client": peer[:2] if isinstance(peer, tuple) else None,
            "server": own[:2] if isinstance(own, tuple) else None,
            "extensions": {"websocket.http.response": {}},
        }

    async def receive(self) -> Message:
        if self._is_upgrade:
            return await self._hear()
        if self._body_ended:
            await asyncio.Event().wait()  # aiohttp does not say: a write that fails does
        try:
            chunk = await self._request.content.readany()
        except OSError:
            return {"type": "http.disconnect"}
        self._body_ended = not chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def _hear(self) -> Message:
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        socket = self._socket
        assert socket is not None, "it was accepted"
        heard = await socket.receive()
        if heard.type is WSMsgType.TEXT:
            return {"type": "websocket.receive", "text": heard.data}
        if heard.type is WSMsgType.BINARY:
            return {"type": "websocket.receive", "bytes": heard.data}
        reason = heard.extra if heard.type is WSMsgType.CLOSE else ""
        return {"type": "websocket.disconnect", "code": socket.close_code or 1006, "reason": reason}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            await self._accept(message)
        elif kind == "websocket.send":
            assert self._socket is not None, "it was accepted"
            text = message.get("text")
            if text is None:
                await self._socket.send_bytes(message["bytes"])
            else:
                await self._socket.send_str(text)
        elif kind == "websocket.close":
            assert self._socket is not None, "it was accepted"
            await self._socket.close(code=message["code"], message=message["reason"].encode())
        elif kind.endswith(".response.start"):
            await self._start(message)
        else:
            await self._write(message)

    async def _accept(self, message: Message) -> None:
        protocol = message["subprotocol"]
        socket = web.WebSocketResponse(
            protocols=() if protocol is None else (protocol,), max_msg_size=0, autoping=True
        )
        for name, value in message["headers"]:
            socket.headers.add(name.decode(), value.decode("utf-8", "surrogateescape"))
        await socket.prepare(self._request)
        self._socket = self.response = socket

    async def _start(self, message: Message) -> None:
        response = _Answer(status=message["status"])
        for name, value in message["headers"]:
            response.headers.add(name.decode(), value.decode("utf-8", "surrogateescape"))
        self.response = response
        await response.prepare(self._request)

    async def _write(self, message: Message) -> None:
        response = self.response
        assert response is not None, "it has begun"
        if message["body"]:
            await response.write(message["body"])
        if not message["more_body"]:
            await response.write_eof()
