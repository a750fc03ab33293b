"""Agents in the hands of somebody hostile: each reads one request, and answers with a lie."""

import array
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable

# What tests import this for is the list of lies.
CONNECTION = socket.socket(fileno=int(sys.argv[1])) if __name__ == "__main__" else socket.socket()
ANSWER, EVENT, DATA, STDOUT, END, CREDIT, CANCEL = 2, 3, 4, 5, 7, 8, 9


def frame(kind: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">IBI", len(payload), kind, stream) + payload


def read() -> tuple[int, bytes]:
    size, _, stream = struct.unpack(">IBI", CONNECTION.recv(9, socket.MSG_WAITALL))
    return stream, CONNECTION.recv(size, socket.MSG_WAITALL)


def send(data: bytes, times: int = 1) -> None:
    for _ in range(times):
        CONNECTION.sendall(data)


def say(kind: int, stream: int, value: object, times: int = 1) -> None:
    send(frame(kind, stream, json.dumps(value).encode()), times)


def half(stream: int) -> None:
    send(frame(STDOUT, stream, b"x" * 100)[:50])
    sys.exit()


def hand_out(stream: int, *descriptors: int, told: bool = True) -> None:
    data = frame(ANSWER, stream, json.dumps({"port": 1, "descriptor": told}).encode())
    rights = array.array("i", descriptors)
    CONNECTION.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def connected(family: socket.AddressFamily, kind: socket.SocketKind) -> int:
    """A socket that is connected, but not as it should be."""
    ours, theirs = socket.socketpair(family, kind)
    os.dup(theirs.fileno())
    return ours.detach()


def datagram(s: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.connect(("127.0.0.1", 9))
        hand_out(s, other.detach())


LIES: dict[str, Callable[[int], object]] = {
    "garbage": lambda s: send(b"HTTP/1.1 200 OK\r\n\r\n" * 10),
    "oversize": lambda s: send(struct.pack(">IBI", 2**31, ANSWER, s)),
    "oversize data": lambda s: send(frame(STDOUT, s, bytes(65_537))),
    "no JSON": lambda s: send(frame(ANSWER, s, b"{")),
    "no object": lambda s: say(ANSWER, s, [1]),
    "deep JSON": lambda s: send(frame(ANSWER, s, b"[" * 100_000)),
    "large number": lambda s: send(frame(ANSWER, s, b'{"a":' + b"9" * 9999 + b"}")),
    "no error": lambda s: say(ANSWER, s, {"error": "no"}),
    "odd error": lambda s: say(ANSWER, s, {"error": {"code": 5, "message": "", "context": {}}}),
    "another stream": lambda s: say(ANSWER, s + 1000, {}),
    "stream 0": lambda s: say(EVENT, 0, {}),
    "two answers": lambda s: say(ANSWER, s, {"exit_code": 0, "signal": None}, 2),
    "a request": lambda s: say(1, s, {"op": "stop"}),
    "an end": lambda s: send(frame(END, s, b"")),
    "a cancel": lambda s: send(frame(CANCEL, s, b"")),
    "no kind": lambda s: send(frame(77, s, b"")),
    "events": lambda s: say(EVENT, s, {"pid": 1}, 3),
    "no pid": lambda s: say(EVENT, s, {"pid": "1"}),
    "too much": lambda s: send(frame(STDOUT, s, bytes(65_000)), 9),
    "too much credit": lambda s: send(frame(CREDIT, s, b"\xff\xff\xff\xff")),
    "short credit": lambda s: send(frame(CREDIT, s, b"\xff")),
    "another kind": lambda s: send(frame(DATA, s, b"x")),
    "odd exit": lambda s: say(ANSWER, s, {"exit_code": 1000, "signal": None}),
    "half": half,
    "exit": lambda s: sys.exit(3),
    "silence": lambda s: time.sleep(1000),
    # To be told of a port
    "no descriptor": lambda s: say(ANSWER, s, {"port": 1, "descriptor": True}),
    "nothing of it": lambda s: say(ANSWER, s, {"port": 1}),
    "a file": lambda s: hand_out(s, os.open("/etc/passwd", os.O_RDONLY)),
    "a pipe": lambda s: hand_out(s, os.pipe()[0]),
    "a Unix socket": lambda s: hand_out(s, connected(socket.AF_UNIX, socket.SOCK_STREAM)),
    "a datagram": datagram,
    "not connected": lambda s: hand_out(s, socket.socket().detach()),
    "listening": lambda s: hand_out(s, socket.create_server(("127.0.0.1", 0)).detach()),
    "several": lambda s: hand_out(s, *[os.open("/dev/null", os.O_RDONLY) for _ in range(5)]),
    "very many": lambda s: hand_out(s, *[os.open("/dev/null", os.O_RDONLY) for _ in range(200)]),
    "unasked": lambda s: hand_out(s, os.pipe()[0], os.pipe()[0], told=False),
}

if __name__ == "__main__":
    stream, _ = read()
    LIES[sys.argv[2]](stream)
    while CONNECTION.recv(4096):
        pass
