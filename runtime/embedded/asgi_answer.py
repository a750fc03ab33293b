"""An answer, as it is sent through another server."""

import asyncio
import logging
from collections.abc import Mapping

from ...actors.body import StreamSource
from ...actors.http import Response
from ..edge.answer import FRAMING
from ..edge.error_page import error_page, error_text
from ..edge.firewall.firewall import Refused
from ..edge.request_body import BodyTooLarge, ClientGone
from .asgi_request import HostedBody, HostedRequest, Send

log = logging.getLogger("perdure.embedded")

_STATUS_WITHOUT_BODY = frozenset({204, 205, 304})


class AsgiAnswer:
    """What one request is answered.

    Args:
        send: The server's.
        method: The request's.
        show_errors: The client sees tracebacks.
        kind: How the messages are called that carry it.
    """

    def __init__(self, send: Send, method: str, *, show_errors: bool, kind: str = "http") -> None:
        self._send = send
        self._method = method
        self._show_errors = show_errors
        self._kind = kind

    async def write(self, response: Response, body: HostedBody | None) -> None:
        """Send what the program has answered.

        Args:
            response: The answer.
            body: Of the request: it tells when the client has gone.
        """
        content = response.take_content()
        has_none = self._method == "HEAD" or response.status in _STATUS_WITHOUT_BODY
        pairs = [
            (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in response.header_fields().items()
            if name.lower() not in FRAMING
        ]
        declared = _declared(response)
        if content is None or isinstance(content, bytes):
            data = content or b""
            length = declared if has_none and self._method == "HEAD" and not data else len(data)
            if response.status not in _STATUS_WITHOUT_BODY and length is not None:
                pairs.append((b"content-length", str(length).encode()))
            await self._start(response.status, pairs)
            await self._body(b"" if has_none else data, more=False)
            return
        if declared is not None:
            pairs.append((b"content-length", str(declared).encode()))
        if has_none:
            content.cancel(None)
            await self._start(response.status, pairs)
            await self._body(b"", more=False)
            return
        await self._start(response.status, pairs)
        await self._stream(content, declared, body)

    async def _stream(
        self, source: StreamSource, declared: int | None, body: HostedBody | None
    ) -> None:
        gone = ConnectionResetError("the client has gone")
        watching: asyncio.Task[None] | None = None

        def stop(seen: "asyncio.Task[None]") -> None:
            if not seen.cancelled():
                source.cancel(gone)

        if body is not None and body.ended.done():
            watching = asyncio.create_task(body.wait_for_disconnect())
            watching.add_done_callback(stop)
        size = 0
        try:
            while chunk := await source.read_chunk():
                size += len(chunk)
                if declared is not None and size > declared:
                    break
                await self._body(chunk, more=True)
            _check_length(declared, size)
            await self._body(b"", more=False)
        except OSError as error:
            source.cancel(gone)
            if error is not gone:
                log.debug("response.client_gone", exc_info=error)
        except BaseException:
            # The head has left: the server sees to it that the answer does not look whole.
            source.cancel(None)
            raise
        finally:
            if watching is not None:
                watching.cancel()

    async def refuse(self, refused: Refused) -> None:
        """Send what the firewall says."""
        await self._text(refused.status, refused.body, refused.headers or {})

    async def too_large(self, limit: int) -> None:
        """The request's body is."""
        await self._text(413, str(BodyTooLarge(limit)), {})

    async def fail(
        self, error: BaseException, incoming: HostedRequest, body: HostedBody | None
    ) -> None:
        """Send the answer when user code has raised."""
        if isinstance(error, BodyTooLarge) or (body is not None and body.is_too_large):
            await self._text(413, str(error), {})
            return
        if isinstance(error, ClientGone):
            log.debug("request.client_gone", extra={"path": incoming.head.target})
            return
        log.error(
            "request.failed",
            extra={"method": incoming.method, "path": incoming.head.target},
            exc_info=(type(error), error, error.__traceback__),
        )
        if not self._show_errors:
            await self._text(500, "Internal Server Error", {})
        elif "text/html" in incoming.fields.get("Accept", ""):
            page = error_page(error, incoming.method, incoming.head.target)
            await self._text(500, page, {"Content-Type": "text/html; charset=utf-8"})
        else:
            await self._text(500, error_text(error).rstrip(), {})

    async def _text(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        fields = {"Content-Type": "text/plain; charset=utf-8", **headers}
        await self.write(Response(text.encode(), status, headers=fields), None)

    async def _start(self, status: int, pairs: list[tuple[bytes, bytes]]) -> None:
        await self._send(
            {"type": f"{self._kind}.response.start", "status": status, "headers": pairs}
        )

    async def _body(self, chunk: bytes, *, more: bool) -> None:
        await self._send({"type": f"{self._kind}.response.body", "body": chunk, "more_body": more})


def _check_length(declared: int | None, size: int) -> None:
    if declared not in {None, size}:
        raise ValueError(
            f"the response's Content-Length is {declared}, but its body is not as long; leave the "
            "header out"
        )


def _declared(response: Response) -> int | None:
    """The length that the answer says it has, if it is one."""
    values = set(response.header_fields().getall("Content-Length", ()))
    text = values.pop() if len(values) == 1 else ""
    return int(text) if text.isdecimal() and text.isascii() else None
