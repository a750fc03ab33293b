"""What a request to a sandbox's actor is for, when our own side of a call sends it.

A WebSocket travels in the response to a request and in nothing else, so ``ws_connect``,
``terminal`` and ``proxy_to_sandbox`` are requests, with one header field that says what is wanted.

Promise:
    No client can say it: the edge refuses requests with that field, and ``request_for`` replaces
    what a request already says.
"""

from typing import Final

from ...actors.http import Request

FIELD: Final = "X-Perdure-Sandbox"


def request_for(request: Request, purpose: str, rest: str = "") -> Request:
    """Return ``request``, with its body, for one purpose.

    Args:
        request: What a client sent.
        purpose: One word.
        rest: What there is to say about it.
    """
    passed_on = Request(request)
    passed_on.headers.set(FIELD, f"{purpose} {rest}".rstrip())
    return passed_on


def purpose_of(request: Request) -> tuple[str, str]:
    """Return the word and the rest; two empty texts for a request that is for no such purpose."""
    purpose, _, rest = request.header_fields().get(FIELD, "").partition(" ")
    return purpose, rest


def without_purpose(request: Request) -> Request:
    """Return ``request``, with its body, for a server inside, which is told nothing of this."""
    passed_on = Request(request)
    passed_on.headers.delete(FIELD)
    return passed_on
