"""A directory of assets, as it answers requests."""

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from ...actors.http import Request, Response
from ..config.model import AssetsConfig
from ..host.worker import OnResponse
from .files import read
from .lookup import Elsewhere, Found, decoded, encoded, find, find_for_missing
from .manifest import Asset, scan

# A directory with more files is not looked through for each request, but so often.
FILES_MAX = 1000
REST_S = 1.0
_END_OF_PATH = re.compile("[?#]")
_READ_METHODS = frozenset({"GET", "HEAD"})


class AssetDirectory:
    """Answers requests with files.

    Args:
        config: Of the Worker.
        is_live: Files that come and go are noticed, for who develops; else the files are those
            that there were when this was made. What they hold is read for each request.
        now: Seconds.
    """

    def __init__(
        self,
        config: AssetsConfig,
        *,
        is_live: bool = False,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.config = config
        self._is_live = is_live
        self._now = now
        self._scanned_at_s = 0.0
        self._files: Mapping[str, Asset] = {}
        self._scan()

    def when_current(
        self, action: Callable[[], None], on_error: Callable[[Exception], None]
    ) -> None:
        """Do something once it is known which files there are: at once, unless it is live."""
        if not self._is_live or (
            len(self._files) > FILES_MAX and self._now() < self._scanned_at_s + REST_S
        ):
            action()
            return
        _in_thread(self._scan, lambda _: action(), on_error)

    def _scan(self) -> None:
        self._files = scan(self.config.directory)
        self._scanned_at_s = self._now()

    def find(
        self, path: str, *, with_missing: bool, is_exact: bool = True
    ) -> Found | Elsewhere | None:
        """What a path leads to; None for no file.

        Args:
            path: As it was asked for, encoded.
            with_missing: Where there is no such file, what the configuration has for that.
            is_exact: A file has one spelling of its path; who asks by another one is sent there.
        """
        plain = decoded(path)
        found = find(self._files, plain, self.config.html_handling)
        if found is None and with_missing:
            found = find_for_missing(self._files, plain, self.config.not_found_handling)
        if isinstance(found, Found) and is_exact and encoded(plain) != path:
            return Elsewhere(plain)
        return found

    def answer(
        self, request: Request, found: Found | Elsewhere | None, on_response: OnResponse
    ) -> None:
        """Answer with what was found; ``on_response`` is called once, maybe at once."""
        if found is None:
            on_response(_without_body(404), None)
        elif request.method not in _READ_METHODS:
            on_response(_without_body(405, Allow="GET, HEAD"), None)
        elif isinstance(found, Elsewhere):
            query = request.url.partition("#")[0].partition("?")[2]
            location = encoded(found.path) + (f"?{query}" if query else "")
            on_response(_without_body(307, Location=location), None)
        elif (asset := self._files.get(found.file)) is None:  # it has gone, meanwhile
            on_response(_without_body(404), None)
        else:
            _in_thread(
                partial(read, asset, request, found.status),
                lambda response: on_response(response or _without_body(404), None),
                partial(on_response, None),
            )


def path_of(request: Request) -> str:
    """The path that is asked for, as it was written."""
    address = _END_OF_PATH.split(request.url, maxsplit=1)[0].partition("://")[2]
    return "/" + address.partition("/")[2]


def pattern_of(rule: str) -> re.Pattern[str]:
    """A path pattern of ``run_worker_first``: ``*`` stands for anything."""
    return re.compile(".*".join(map(re.escape, rule.split("*"))))


def _without_body(status: int, **fields: str) -> Response:
    return Response(None, status, headers=fields)


def _in_thread(
    work: Callable[[], Any], on_done: Callable[[Any], None], on_error: Callable[[Exception], None]
) -> None:
    def done(future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            on_error(ConnectionAbortedError("the server is going away"))
        elif (error := future.exception()) is None:
            on_done(future.result())
        elif isinstance(error, Exception):
            on_error(error)
        else:
            raise error

    asyncio.get_running_loop().run_in_executor(None, work).add_done_callback(done)
