"""A server for the inside of sandboxes: it shows what it was sent, and does what its path says.

Of the standard library only, since nothing else is behind a wall: ``python3 inner_server.py PORT
NAME``. Tests read it as text, and run it there.
"""

import asyncio
import base64
import gzip
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Fields = list[list[str]]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECTIONS = [0]
FLOODED = [0]
HEARD: list[list[Any]] = []
TARGETS: list[str] = []
WAITING: list[asyncio.Future[None]] = []


async def read_head(reader: Reader) -> tuple[str, str, str, Fields] | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = raw.decode("latin-1")[:-4].split("\r\n")
    fields = [line.split(": ", 1) if ": " in line else [line, ""] for line in lines]
    method, target, version = first.split(" ", 2)
    return method, target, version, fields


def named(fields: Fields) -> dict[str, str]:
    return {name.lower(): value for name, value in fields}


async def chunks_of(reader: Reader, fields: Fields) -> AsyncIterator[bytes]:
    told = named(fields)
    if "transfer-encoding" in told:
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        left = int(told.get("content-length", 0))
        while left and (chunk := await reader.read(left)):
            left -= len(chunk)
            yield chunk


def send(writer: Writer, status: str, body: bytes = b"", *fields: str) -> None:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    writer.write("\r\n".join(lines).encode() + body)


async def echo(reader: Reader, writer: Writer, fields: Fields) -> None:
    """Each piece of the body as it comes."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    async for chunk in chunks_of(reader, fields):
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def events(writer: Writer) -> None:
    """One server-sent event; the next when somebody has asked for /go."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    writer.write(head + b"data: 1\n\n")
    go = asyncio.get_running_loop().create_future()
    WAITING.append(go)
    await go
    writer.write(b"data: 2\n\n")
    await writer.drain()
    writer.close()


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    first = bytes([(0x80 if fin else 0) | opcode])
    size = len(payload)
    if size < 126:
        return first + bytes([size]) + payload
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2, "big") + payload
    return first + b"\x7f" + size.to_bytes(8, "big") + payload


async def read_frame(reader: Reader) -> tuple[bool, int, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    key = int.from_bytes(mask * (size // 4 + 1), "big") >> 8 * (4 - size % 4)
    plain = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
    return bool(first & 0x80), first & 0x0F, plain


def shake_hands(writer: Writer, fields: Fields) -> None:
    told = named(fields)
    key = told["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept}", "X-Answer: of the server inside"]
    if "talk" in told.get("sec-websocket-protocol", ""):
        lines.append("Sec-WebSocket-Protocol: talk")
    writer.write("\r\n".join([*lines, "", ""]).encode())


async def talk(reader: Reader, writer: Writer, target: str, fields: Fields) -> None:
    path = target.partition("?")[0]
    shake_hands(writer, fields)
    if path == "/glued":
        writer.write(frame(1, b"from the start"))
    if path == "/head":
        writer.write(frame(1, json.dumps({"target": target, "fields": fields}).encode()))
    while path == "/flood":
        writer.write(frame(2, bytes(65_536)))
        FLOODED[0] += 1
        await writer.drain()
    if path == "/deaf":
        await asyncio.get_running_loop().create_future()
    kind, whole = 0, b""
    while True:
        fin, opcode, payload = await read_frame(reader)
        if opcode == 8:
            HEARD.append([int.from_bytes(payload[:2], "big"), payload[2:].decode()])
            writer.write(frame(8, payload))
            return
        if opcode == 9:
            writer.write(frame(10, payload))
        else:
            kind = opcode or kind
            whole += payload
            if fin:
                answer(writer, kind, whole)
                whole = b""
            await writer.drain()


def answer(writer: Writer, kind: int, message: bytes) -> None:
    if message == b"close me":
        writer.write(frame(8, (4321).to_bytes(2, "big") + b"as asked"))
    elif message == b"vanish":
        writer.transport.abort()
    elif message == b"in pieces":
        writer.write(frame(1, b"in ", fin=False) + frame(9, b"?") + frame(0, b"pie", fin=False))
        writer.write(frame(0, b"ces"))
    else:
        writer.write(frame(kind, message))


async def handle(reader: Reader, writer: Writer) -> None:
    CONNECTIONS[0] += 1
    number = CONNECTIONS[0]
    try:
        while (head := await read_head(reader)) is not None:
            method, target, version, fields = head
            path = target.partition("?")[0]
            TARGETS.append(target)
            if named(fields).get("upgrade", "").lower() == "websocket" and path != "/refused":
                await talk(reader, writer, target, fields)
                return
            if path == "/echo":
                await echo(reader, writer, fields)
            elif path == "/events":
                await events(writer)
            else:
                body = b"".join([chunk async for chunk in chunks_of(reader, fields)])
                seen: dict[str, Any] = {"method": method, "target": target, "version": version}
                seen |= {"fields": fields, "body": body.decode("latin-1")}
                serve(writer, path, seen | {"name": sys.argv[2], "connection": number})
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # a client that hangs up
    finally:
        writer.close()


def serve(writer: Writer, path: str, seen: dict[str, Any]) -> None:
    port = sys.argv[1]
    if path == "/redirect":
        send(writer, "302 Found", b"", f"Location: http://localhost:{port}/there?x=1")
    elif path == "/gzip":
        send(writer, "200 OK", gzip.compress(b"packed"), "Content-Encoding: gzip")
    elif path == "/cookies":
        send(
            writer, "200 Fine", b"", "Set-Cookie: a=1; Domain=example.com; Path=/",
            "Set-Cookie: b=2; path=/;DOMAIN =.example.com ; HttpOnly", "Set-Cookie: c=3",
        )  # fmt: skip
    elif path == "/vanish":
        writer.transport.abort()
    elif path == "/half":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()
    elif path == "/hostile":
        writer.write(bytes.fromhex(seen["target"].partition("?")[2]))
        writer.close()
    elif path == "/go":
        for each in WAITING:
            each.set_result(None)
        send(writer, "200 OK")
    elif path == "/heard":
        facts = {"closed": HEARD, "flooded": FLOODED[0], "targets": TARGETS[:-1]}
        send(writer, "200 OK", json.dumps(facts).encode())
    elif path == "/refused":
        send(writer, "403 Forbidden", b"not today")
    else:
        body = json.dumps(seen).encode()
        shown = b"" if seen["method"] == "HEAD" else body
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{head}\r\n\r\n".encode() + shown)


async def main() -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
