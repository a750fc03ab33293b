"""Where aiohttp's server and workerd answer otherwise than ours, sentence by sentence."""

from tests.conformance.websocket.said import Frames, Opening

# aiohttp 3.14 and workerd 2026-11-17. None: as ours.
DIFFERENCES: dict[str, tuple[str | None, str | None]] = {
    "4.2.1 the method of the request MUST be GET": ("101", None),
    "4.2.1 the HTTP version MUST be at least 1.1": ("101", "101"),
    "4.2.1 the Upgrade field may name other protocols, too": ("400", "426"),
    "4.2.1 the Connection field MUST be there": (None, "101"),
    "4.2.1 the Connection field MUST include the token Upgrade": (None, "101"),
    "4.2.1 the key MUST be 16 bytes when decoded": (None, "101"),
    "4.2.1 the key MUST be in base64": (None, "101"),
    "11.3.1 the key MUST NOT appear more than once": ("101", "101"),
    "4.2.1 the version MUST be there": ("400", None),
    "4.2.2 a version that is not understood MUST be answered with an error and the versions that "
    "are": ("400", None),
    "11.3.5 the version MUST NOT appear more than once in a request": ("101", "426"),
    "9.1 extensions that do not conform to the ABNF MUST fail the connection": ("101", "101"),
    "4.2.1 a subprotocol is a token, and its list conforms to the ABNF": ("101", "101"),
    "10.2 servers that are not for any web page SHOULD verify the Origin": ("101", "101"),
    "5.1 the server MUST close upon a frame that is not masked": ('text "a", close 1000',) * 2,
    "5.1 the server MUST close upon a control frame that is not masked": ('pong "a", close 1000',)
    * 2,
    "5.1 the server MUST close upon an empty frame that is not masked": ('text "", close 1000',)
    * 2,
    "5.4 fragments MUST NOT be interleaved, even if the first one is empty": (
        'binary "b", close 1000',
        None,
    ),
    "5.5 control frames MUST have a payload of 125 bytes or less: 126": (
        None,
        'pong "126 bytes", close 1000',
    ),
    "5.5 close frames MUST have a payload of 125 bytes or less: 126": (None, "close 1000"),
    "5.5.1 an endpoint MUST answer a close frame": ("close 1000", None),
    "5.5.1 it typically echoes the status code": ("close 1000", None),
    "5.5.1 the first two bytes of a body MUST be a status code: one byte": (None, "close 1005"),
    "5.5.1 the body behind the code is UTF-8": (None, "close 1000 \\xff"),
    "7.4.1 1006 MUST NOT be set in a close frame": ("close 1000", "close 1006"),
    **{
        f"7.4.1 {code} MUST NOT be set in a close frame": (None, f"close {code}")
        for code in (1004, 1005, 1015)
    },
    **{f"7.4.1 {code} may be sent": ("close 1000", None) for code in (1001, 1002, 1003)},
    **{f"7.4.1 {code} may be sent": ("close 1000", None) for code in range(1007, 1015)},
    "7.4.2 codes 0 to 999 are not used: 0": (None, "close 0"),
    "7.4.2 codes 0 to 999 are not used: 999": (None, "close 999"),
    "7.4.2 codes up to 2999 are for the protocol: 1016": (None, "close 1016"),
    "7.4.2 codes up to 2999 are for the protocol: 2999": (None, "close 2999"),
    "7.4.2 codes 3000 to 4999 are for others: 3000": ("close 1000", None),
    "7.4.2 codes 3000 to 4999 are for others: 4999": ("close 1000", None),
    "7.4.2 there are none beyond: 5000": ("close 1000", "close 5000"),
    "8.1 text that is not UTF-8 MUST fail the connection": (None, 'text "a\ufffd", close 1000'),
    "8.1 text that ends within a character is not UTF-8": (None, 'text "\ufffd", close 1000'),
    "8.1 a surrogate is not UTF-8": (None, 'text "\ufffd\ufffd\ufffd", close 1000'),
    "8.1 a character in more bytes than it needs is not UTF-8": (
        None,
        'text "\ufffd\ufffd", close 1000',
    ),
    "8.1 a number beyond the last character is not UTF-8": (
        None,
        'text "\ufffd\ufffd\ufffd\ufffd", close 1000',
    ),
    "8.1 text is not UTF-8 by what two fragments make": (None, 'text "\ufffda", close 1000'),
    "8.1 a fragment that cannot become UTF-8 fails before the message is whole": (
        "close 1000",
        "close 1000",
    ),
    "8.1 a second fragment that cannot become UTF-8 fails before the message is whole": (
        "close 1000",
        "close 1000",
    ),
}


def expected(sentence: Frames | Opening, server: str) -> str:
    """What ``server`` answers."""
    if server == "perdure":
        return sentence.perdure
    others = dict(
        zip(("aiohttp", "workerd"), DIFFERENCES.get(sentence.title, (None, None)), strict=True)
    )
    return sentence.perdure if others[server] is None else str(others[server])
