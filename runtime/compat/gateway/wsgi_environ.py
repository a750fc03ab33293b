"""What a WSGI application is told of a request (PEP 3333)."""

import io
import sys
from collections.abc import Callable, Coroutine
from typing import Any
from wsgiref.util import FileWrapper

from ....actors.body import StreamSource
from ....actors.http import Request
from .incoming import Target

Run = Callable[[Coroutine[Any, Any, Any]], Any]
BUFFER_SIZE_BYTES = 64 * 1024


class _Input(io.RawIOBase):
    """A streaming body as a file, read from the application's thread."""

    def __init__(self, source: StreamSource, run: Run) -> None:
        self._source = source
        self._run = run
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(self._run(self._source.read_chunk()))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def environ_of(request: Request, run: Run) -> dict[str, Any]:
    """The environ of ``request``.

    Args:
        request: Its body is the application's from now on.
        run: Runs a coroutine on the loop, for the application's thread.
    """
    target = Target(request.url)
    content = request.take_content()
    body: Any
    if content is None or isinstance(content, bytes):
        body = io.BytesIO(content or b"")
    else:
        body = io.BufferedReader(_Input(content, run), BUFFER_SIZE_BYTES)
    host, port = target.server
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": target.path.decode("latin-1"),
        "QUERY_STRING": target.query.decode(),
        "RAW_URI": request.url,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": target.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,  # it ends where the body ends, whatever the headers say
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if request.client_address is not None:
        environ["REMOTE_ADDR"] = request.client_address
    if isinstance(content, bytes):
        environ["CONTENT_LENGTH"] = str(len(content))
    _add_headers(environ, request)
    return environ


def _add_headers(environ: dict[str, Any], request: Request) -> None:
    for name, value in request.header_fields().items():
        if "_" in name:  # it would pass for the field with a hyphen
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        text = value.encode("utf-8", "surrogateescape").decode("latin-1")
        if key in environ and key.startswith("HTTP_"):
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
