"""A directory of assets, as it answers requests."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from multidict import CIMultiDict

from ...actors.http import Request, Response
from ..config.errors import Problem
from ..config.model import AssetsConfig
from ..host.worker import OnResponse
from .files import read
from .lookup import Elsewhere, Found, decoded, encoded, find, find_for_missing
from .manifest import Asset, scan
from .redirects import PROXY, Redirected
from .rules import read_rules

# A directory with more files is not looked through for each request, but so often.
FILES_MAX = 1000
REST_S = 1.0
_END_OF_PATH = re.compile("[?#]")
_END_OF_HOST = re.compile("[/?#]")
_PORT = re.compile(r":\d*$")
READ_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Missing:
    """No file, and none to be asked for: a rule says whose it is."""


# What a path leads to.
Destination = Found | Elsewhere | Redirected | Missing


def ignore(problems: Sequence[Problem]) -> None:
    """Tell nobody."""


class AssetDirectory:
    """Answers requests with files.

    Args:
        config: Of the Worker.
        is_live: Files that come and go are noticed, for who develops; else the files are those
            that there were when this was made. What they hold is read for each request.
        now: Seconds.
        on_problems: Told of lines in the files of rules that are none, when they have changed
            since this was made.
    """

    def __init__(
        self,
        config: AssetsConfig,
        *,
        is_live: bool = False,
        now: Callable[[], float] = monotonic,
        on_problems: Callable[[Sequence[Problem]], None] = ignore,
    ) -> None:
        self.config = config
        self._is_live = is_live
        self._now = now
        self._scanned_at_s = 0.0
        self._files: Mapping[str, Asset] = {}
        self._on_problems = on_problems
        self._rules = read_rules(config)
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
        _in_thread(self._look_again, lambda _: action(), on_error)

    def _look_again(self) -> None:
        before, self._rules = self._rules, read_rules(self.config)
        if self._rules.problems and self._rules.problems != before.problems:
            self._on_problems(self._rules.problems)
        self._scan()

    def _scan(self) -> None:
        self._files = scan(self.config.directory)
        self._scanned_at_s = self._now()

    def find(self, path: str, *, with_missing: bool, is_exact: bool = True) -> Destination | None:
        """What a path leads to; None for no file.

        What the rules say of it comes first, whether there is a file or not.

        Args:
            path: As it was asked for, encoded.
            with_missing: Where there is no such file, what the configuration has for that.
            is_exact: A file has one spelling of its path; who asks by another one is sent there.
        """
        rule = self._rules.redirects.find(path)
        if rule is None:
            return self._find_file(path, with_missing=with_missing, is_exact=is_exact)
        if rule.status != PROXY:
            return rule
        return self._find_file(rule.path, with_missing=True, is_exact=is_exact) or Missing()

    def _find_file(
        self, path: str, *, with_missing: bool, is_exact: bool
    ) -> Found | Elsewhere | None:
        plain = decoded(path)
        found = find(self._files, plain, self.config.html_handling)
        if found is None and with_missing:
            found = find_for_missing(self._files, plain, self.config.not_found_handling)
        if isinstance(found, Found) and is_exact and encoded(plain) != path:
            return Elsewhere(plain)
        return found

    def answer(
        self,
        request: Request,
        path: str,
        found: Destination | None,
        on_response: OnResponse,
    ) -> None:
        """Answer with what was found; ``on_response`` is called once, maybe at once.

        Args:
            request: What is to be answered.
            path: That ``found`` was found at.
            found: See ``find``.
            on_response: Told the answer.
        """

        def respond(response: Response) -> None:
            on_response(self._with_headers(response, request, path), None)

        query = request.url.partition("#")[0].partition("?")[2]
        if found is None or isinstance(found, Missing):
            respond(_without_body(404))
        elif isinstance(found, Redirected):
            respond(_without_body(found.status, Location=found.location(query)))
        elif request.method not in READ_METHODS:
            respond(_without_body(405, Allow="GET, HEAD"))
        elif isinstance(found, Elsewhere):
            location = encoded(found.path) + (f"?{query}" if query else "")
            respond(_without_body(307, Location=location))
        elif (asset := self._files.get(found.file)) is None:  # it has gone, meanwhile
            respond(_without_body(404))
        else:
            _in_thread(
                partial(read, asset, request, found.status),
                lambda response: respond(response or _without_body(404)),
                partial(on_response, None),
            )

    def _with_headers(self, response: Response, request: Request, path: str) -> Response:
        if not self._rules.headers:
            return response
        fields = CIMultiDict(response.header_fields())
        self._rules.headers.apply(fields, host_of(request), path)
        return Response.incoming(response.status, "", fields, response.content)


def host_of(request: Request) -> str:
    """The host that is asked, in small letters and without a port."""
    authority = _END_OF_HOST.split(request.url.partition("://")[2], maxsplit=1)[0]
    return _PORT.sub("", authority.rpartition("@")[2]).lower()


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
