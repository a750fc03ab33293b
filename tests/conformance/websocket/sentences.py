"""RFC 6455 as it concerns a server: each MUST and SHOULD with what tries it, and what comes of it.

What a server has to leave (to mask, to send after its close frame and so on) is tried by every
conversation: ``Wire.frame`` and ``conversation`` fail on it.
"""

from tests.conformance.websocket.said import Frames, Opening
from tests.wire import BINARY, CLOSE, CONTINUATION, KEY, PING, PONG, TEXT, close_frame, frame

EURO = "€".encode()  # three bytes
ACCEPT, PROTOCOL, EXTENSIONS, VERSION = (
    f"Sec-WebSocket-{name}" for name in ("Accept", "Protocol", "Extensions", "Version")
)
MIB = 2**20


def unfinished(opcode: int, size: int) -> bytes:
    """The header of a frame of which nothing else comes."""
    return bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big") + b"mask"


def long_form(opcode: int, payload: bytes, size_of_size: int) -> bytes:
    """A frame that says its size in more bytes than it needs."""
    flag = 126 if size_of_size == 2 else 127
    head = bytes([0x80 | opcode, 0x80 | flag]) + len(payload).to_bytes(size_of_size, "big")
    return head + bytes(4) + payload


OPENING = [
    Opening("4.2.1", "a valid handshake is answered with 101 and the accept of its key",
        ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        "101, Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, Upgrade: websocket",
        shows=[ACCEPT, "Upgrade"]),
    Opening("4.2.1", "the method of the request MUST be GET", [], "400", line="POST / HTTP/1.1"),
    Opening("4.2.1", "the HTTP version MUST be at least 1.1", [], "400", line="GET / HTTP/1.0"),
    Opening("4.2.1", "the request MUST have a Host header field", ["Host: -"], "400"),
    Opening("4.2.1", "the Upgrade field MUST be there", ["Upgrade: -"], "426"),
    Opening("4.2.1", "the Upgrade field contains websocket, as a case-insensitive value",
        ["Upgrade: WebSocket"], "101"),
    Opening("4.2.1", "the Upgrade field may name other protocols, too",
        ["Upgrade: h2c, websocket"], "101"),
    Opening("4.2.1", "the Connection field MUST be there", ["Connection: -"], "400"),
    Opening("4.2.1", "the Connection field MUST include the token Upgrade",
        ["Connection: keep-alive"], "400"),
    Opening("4.2.1", "the Connection field is a list of case-insensitive tokens",
        ["Connection: keep-alive, uPGRADE"], "101"),
    Opening("4.2.1", "the key MUST be there", ["Sec-WebSocket-Key: -"], "400"),
    Opening("4.2.1", "the key MUST be 16 bytes when decoded",
        ["Sec-WebSocket-Key: c2hvcnQ="], "400"),
    Opening("4.2.1", "the key MUST be in base64",
        ["Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="], "400"),
    Opening("11.3.1", "the key MUST NOT appear more than once",
        [f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key: {KEY}"], "400"),
    Opening("4.2.1", "the version MUST be there", ["Sec-WebSocket-Version: -"],
        "426, Sec-WebSocket-Version: 13", shows=[VERSION]),
    Opening("4.2.2", "a version that is not understood MUST be answered with an error and the "
        "versions that are", ["Sec-WebSocket-Version: 25"],
        "426, Sec-WebSocket-Version: 13", shows=[VERSION]),
    Opening("11.3.5", "the version MUST NOT appear more than once in a request",
        ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"], "400"),
    Opening("4.2.2", "a subprotocol that the server does not agree to MUST NOT be sent back",
        ["Sec-WebSocket-Protocol: chat, superchat"], "101", shows=[PROTOCOL]),
    Opening("9.1", "an extension that the server does not support is not among its answer",
        ["Sec-WebSocket-Extensions: mystery; a=1"], "101", shows=[EXTENSIONS]),
    Opening("9.1", "extensions that do not conform to the ABNF MUST fail the connection",
        ["Sec-WebSocket-Extensions: ;="], "400"),
    Opening("4.2.1", "a subprotocol is a token, and its list conforms to the ABNF",
        ["Sec-WebSocket-Protocol: a b"], "400"),
    Opening("10.2", "servers that are not for any web page SHOULD verify the Origin",
        ["Origin: https://elsewhere.example.com"], "403"),
    Opening("4.2.1", "other header fields are ignored", ["X-Unknown: x"], "101"),
]  # fmt: skip

FRAMING = [
    Frames("5.1", "the server MUST close upon a frame that is not masked",
        frame(TEXT, "a", mask=False), "close 1002"),
    Frames("5.1", "the server MUST close upon a control frame that is not masked",
        frame(PING, "a", mask=False), "close 1002"),
    Frames("5.1", "the server MUST close upon an empty frame that is not masked",
        frame(TEXT, mask=False), "close 1002"),
    Frames("5.2", "RSV1 without an extension MUST fail the connection",
        frame(TEXT, "a", reserved=0x40), "close 1002"),
    Frames("5.2", "RSV2 without an extension MUST fail the connection",
        frame(TEXT, "a", reserved=0x20), "close 1002"),
    Frames("5.2", "RSV3 without an extension MUST fail the connection",
        frame(TEXT, "a", reserved=0x10), "close 1002"),
    Frames("5.2", "RSV bits on control frames, too",
        frame(PING, "a", reserved=0x10), "close 1002"),
    *[Frames("5.2", f"opcode {opcode:#x} is unknown and MUST fail the connection",
        frame(opcode, "a"), "close 1002") for opcode in (0x3, 0x7, 0xB, 0xF)],
    Frames("5.2", "a payload of 125 bytes has its size in the header",
        frame(BINARY, b"x" * 125), 'binary "125 bytes", close 1000'),
    Frames("5.2", "a payload of 126 bytes has it in two more bytes",
        frame(BINARY, b"x" * 126), 'binary "126 bytes", close 1000'),
    Frames("5.2", "a payload of 65,535 bytes does",
        frame(BINARY, b"x" * 65_535), 'binary "65535 bytes", close 1000'),
    Frames("5.2", "a payload of 65,536 bytes has it in eight more bytes",
        frame(BINARY, b"x" * 65_536), 'binary "65536 bytes", close 1000'),
    Frames("5.2", "the minimal number of bytes MUST be used for the size: 2 for 1",
        long_form(TEXT, b"a", 2), 'text "a", close 1000'),
    Frames("5.2", "the minimal number of bytes MUST be used for the size: 8 for 1",
        long_form(TEXT, b"a", 8), 'text "a", close 1000'),
    Frames("5.2", "the most significant bit of a 64-bit size MUST be 0",
        unfinished(BINARY, 2**63), "close 1009", ends=False),
    Frames("5.3", "the server MUST take the mask off, whatever the key",
        bytes([0x81, 0x82, 0, 0, 0, 0]) + b"hi", 'text "hi", close 1000'),
]  # fmt: skip

FRAGMENTS = [
    Frames("5.4", "an endpoint MUST be able to handle a message in fragments",
        frame(TEXT, "a", final=False) + frame(CONTINUATION, "b", final=False)
        + frame(CONTINUATION, "c"), 'text "abc", close 1000'),
    Frames("5.4", "fragments may be empty",
        frame(BINARY, final=False) + frame(CONTINUATION, final=False) + frame(CONTINUATION),
        'binary "", close 1000'),
    Frames("5.4", "an endpoint MUST be able to handle control frames in the middle of a message",
        frame(TEXT, "a", final=False) + frame(PING, "p") + frame(PONG, "p")
        + frame(CONTINUATION, "b"), 'pong "p", text "ab", close 1000'),
    Frames("5.4", "a close frame in the middle of a message closes",
        frame(TEXT, "a", final=False), "close 1000"),
    Frames("5.4", "control frames MUST NOT be fragmented",
        frame(PING, "a", final=False) + frame(CONTINUATION, "b"), "close 1002"),
    Frames("5.4", "close frames MUST NOT be fragmented", frame(CLOSE, b"\x03\xe8", final=False),
        "close 1002"),
    Frames("5.4", "the fragments of one message MUST NOT be interleaved with another's",
        frame(TEXT, "a", final=False) + frame(TEXT, "b"), "close 1002"),
    Frames("5.4", "fragments MUST NOT be interleaved, even if the first one is empty",
        frame(TEXT, final=False) + frame(BINARY, "b"), "close 1002"),
    Frames("5.4", "a message in fragments MUST NOT begin within another",
        frame(TEXT, "a", final=False) + frame(TEXT, "b", final=False), "close 1002"),
    Frames("5.4", "a continuation of nothing is no message",
        frame(CONTINUATION, "a"), "close 1002"),
    Frames("5.4", "a continuation behind a whole message is no message",
        frame(TEXT, "a") + frame(CONTINUATION, "b"), 'text "a", close 1002', client="close 1002"),
    Frames("5.4", "a continuation of nothing is no message, even if it is not the last",
        frame(CONTINUATION, "a", final=False), "close 1002"),
]  # fmt: skip

CONTROL = [
    Frames("5.5", "control frames MUST have a payload of 125 bytes or less: 125",
        frame(PING, b"x" * 125), 'pong "125 bytes", close 1000'),
    Frames("5.5", "control frames MUST have a payload of 125 bytes or less: 126",
        frame(PING, b"x" * 126), "close 1002"),
    Frames("5.5", "close frames MUST have a payload of 125 bytes or less: 126",
        close_frame(1000, b"x" * 124), "close 1002"),
    Frames("5.5.2", "an endpoint MUST answer a ping with a pong",
        frame(PING), 'pong "", close 1000'),
    Frames("5.5.3", "a pong MUST have the application data of its ping",
        frame(PING, b"\xfe\xff"), 'pong "\\xfe\\xff", close 1000'),
    Frames("5.5.3", "pings may be answered all, or the last only",
        frame(PING, "1") + frame(PING, "2"), 'pong "1", pong "2", close 1000'),
    Frames("5.5.3", "an unsolicited pong is not answered", frame(PONG, "a"), "close 1000"),
    Frames("5.5.2", "a ping behind a close frame is not answered",
        close_frame(1000) + frame(PING, "a"), "close 1000"),
]  # fmt: skip

CLOSING = [
    Frames("5.5.1", "an endpoint MUST answer a close frame", close_frame(), "close 1005"),
    Frames("5.5.1", "it typically echoes the status code",
        close_frame(4321, "echo me"), "close 4321 echo me"),
    Frames("5.5.1", "data behind a close frame is not read",
        close_frame(1000) + frame(TEXT, "a"), "close 1000"),
    Frames("5.5.1", "nonsense behind a close frame is not read",
        close_frame(1000) + b"\xff" * 10, "close 1000"),
    Frames("5.5.1", "the first two bytes of a body MUST be a status code: one byte",
        frame(CLOSE, b"\x03"), "close 1002"),
    Frames("5.5.1", "the body behind the code is UTF-8",
        close_frame(1000, b"\xff"), "close 1007"),
    Frames("7.1.1", "after both close frames the server closes the TCP connection",
        b"", "close 1000"),
    *[Frames("7.4.1", f"{code} MUST NOT be set in a close frame",
        close_frame(code), "close 1002") for code in (1004, 1005, 1006, 1015)],
    *[Frames("7.4.1", f"{code} may be sent",
        close_frame(code), f"close {code}")
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)],
    Frames("7.4.2", "codes 0 to 999 are not used: 0", close_frame(0), "close 1002"),
    Frames("7.4.2", "codes 0 to 999 are not used: 999", close_frame(999), "close 1002"),
    Frames("7.4.2", "codes up to 2999 are for the protocol: 1016", close_frame(1016), "close 1002"),
    Frames("7.4.2", "codes up to 2999 are for the protocol: 2999", close_frame(2999), "close 1002"),
    Frames("7.4.2", "codes 3000 to 4999 are for others: 3000", close_frame(3000), "close 3000"),
    Frames("7.4.2", "codes 3000 to 4999 are for others: 4999", close_frame(4999), "close 4999"),
    Frames("7.4.2", "there are none beyond: 5000", close_frame(5000), "close 1002"),
    Frames("7.1.7", "who fails the connection MUST NOT go on to process data",
        frame(0x3) + frame(TEXT, "a"), "close 1002"),
    Frames("7.1.7", "what came before is still answered",
        frame(TEXT, "a") + frame(0x3), 'text "a", close 1002', client="close 1002"),
    Frames("10.4", "limits on the size of messages SHOULD be imposed: by the header alone",
        unfinished(BINARY, 33 * MIB), "close 1009", ends=False),
    Frames("10.4", "limits on the size of messages SHOULD be imposed: on what fragments add up to",
        frame(BINARY, bytes(20 * MIB), final=False) + frame(CONTINUATION, bytes(13 * MIB)),
        "close 1009", ends=False),
]  # fmt: skip

TEXTS = [
    Frames("5.6", "text is UTF-8", frame(TEXT, EURO), 'text "€", close 1000'),
    Frames("5.6", "a frame may end within a character, when the message does not",
        frame(TEXT, EURO[:1], final=False) + frame(CONTINUATION, EURO[1:2], final=False)
        + frame(CONTINUATION, EURO[2:]), 'text "€", close 1000'),
    Frames("5.6", "a frame may end within a character, and a ping be the next one",
        frame(TEXT, EURO[:2], final=False) + frame(PING, "p") + frame(CONTINUATION, EURO[2:]),
        'pong "p", text "€", close 1000'),
    Frames("8.1", "text that is not UTF-8 MUST fail the connection",
        frame(TEXT, b"a\xff"), "close 1007"),
    Frames("8.1", "text that ends within a character is not UTF-8",
        frame(TEXT, EURO[:2]), "close 1007"),
    Frames("8.1", "a surrogate is not UTF-8", frame(TEXT, b"\xed\xa0\x80"), "close 1007"),
    Frames("8.1", "a character in more bytes than it needs is not UTF-8",
        frame(TEXT, b"\xc0\xaf"), "close 1007"),
    Frames("8.1", "a number beyond the last character is not UTF-8",
        frame(TEXT, b"\xf4\x90\x80\x80"), "close 1007"),
    Frames("8.1", "the last character", frame(TEXT, b"\xf4\x8f\xbf\xbf"),
        'text "\U0010ffff", close 1000'),
    Frames("8.1", "NUL is a character", frame(TEXT, b"a\x00b"), 'text "a\x00b", close 1000'),
    Frames("8.1", "text is not UTF-8 by what two fragments make",
        frame(TEXT, EURO[:1], final=False) + frame(CONTINUATION, "a"), "close 1007"),
    Frames("8.1", "a fragment that cannot become UTF-8 fails before the message is whole",
        frame(TEXT, b"a\xff", final=False), "close 1007"),
    Frames("8.1", "a second fragment that cannot become UTF-8 fails before the message is whole",
        frame(TEXT, EURO[:1], final=False) + frame(CONTINUATION, b"\xff", final=False),
        "close 1007"),
    Frames("8.1", "bytes need not be UTF-8", frame(BINARY, b"\xff"),
        'binary "\\xff", close 1000'),
]  # fmt: skip

OPEN = [*FRAMING, *FRAGMENTS, *CONTROL, *CLOSING, *TEXTS]
