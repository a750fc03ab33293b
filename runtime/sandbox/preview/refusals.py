"""What clients are told who get no answer from inside."""

from ....actors.http import Response


def invalid_token() -> Response:
    """The token is wrong, the port is not exposed, or there is no such sandbox: all the same."""
    return _refused(404, "INVALID_TOKEN", "Access denied: Invalid token or port not exposed")


def stale() -> Response:
    """The token is right, but the sandbox has ended since the port was exposed."""
    text = "Preview URL is stale because the sandbox runtime is not active"
    return _refused(410, "STALE_PREVIEW_URL", text)


def no_upgrade() -> Response:
    """``ws_connect`` needs a request for a WebSocket."""
    text = 'A WebSocket needs a request with "Upgrade: websocket" and "Connection: Upgrade"\n'
    return Response(text, status=426, headers={"Upgrade": "websocket"})


def routing_error() -> Response:
    """Something went wrong that is none of the client's business; the log has it."""
    return Response("Proxy routing error", status=500)


def _refused(status: int, code: str, text: str) -> Response:
    # A browser or cache must not keep what may be another answer in a moment.
    headers = {"Cache-Control": "no-store"}
    return Response.json({"error": text, "code": code}, status, headers=headers)
