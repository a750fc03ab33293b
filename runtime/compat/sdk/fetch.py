"""``workers.fetch``: requests to anywhere."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from typing import Any

from ....actors.fetch import fetch as native_fetch
from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ..js.abort import AbortSignal
from ..js.proxies import is_nullish
from ..pyodide.fetching import failure_of
from .messages import Request, Response, native_request, signal_of

__all__ = ["fetch"]

_OF_REQUESTS = ("method", "headers", "body", "redirect")


def fetch(resource: Any, **options: Any) -> "Fetching":
    """Send a request; awaiting it gives a ``workers.Response``.

    Args:
        resource: An absolute URL, a Request, or one of ``js``.
        options: ``method``, ``headers``, ``body``, ``redirect``; ``signal``, which calls it off;
            ``fetcher``, a binding to send it through, or a binding's ``fetch``. Others, ``cf``
            among them, are of no effect.

    Raises:
        OSError: The network failed, or it was called off (when awaited). An HTTP error status is
            an answer.
    """
    fetcher = options.pop("fetcher", None)
    if not is_nullish(fetcher):
        sent: Fetching = getattr(fetcher, "fetch", fetcher)(resource, **options)
        return sent
    return fetch_with(native_fetch, resource, options)


def fetch_with(
    send: Callable[[NativeRequest], "asyncio.Future[NativeResponse]"],
    resource: Any,
    options: Mapping[str, Any],
) -> "Fetching":
    """Send a request by ``send``."""
    if type(resource) is Request and not options:
        native = resource.native
        if getattr(native, "view", None) is None:  # handed on as it came: nearly always
            return Fetching(send(native))
    signal = signal_of(resource, options)
    if options:
        options = {name: options[name] for name in _OF_REQUESTS if options.get(name) is not None}
    native = native_request(resource, options)
    if signal is None:
        return Fetching(send(native))
    return _Abortable(None if signal.aborted else send(native), signal)


class Fetching:
    """A request under way: gives its response when awaited."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    def __await__(self) -> Generator[Any, None, Response]:
        return Response.of((yield from self._native.__await__()))


class _Abortable(Fetching):
    """One that somebody may call off, or has before it was sent."""

    __slots__ = ("_forget", "_signal")

    def __init__(
        self, native: "asyncio.Future[NativeResponse] | None", signal: AbortSignal
    ) -> None:
        super().__init__(native)
        self._signal = signal
        self._forget = _nothing if native is None else signal.when_aborted(native.cancel)

    def __await__(self) -> Generator[Any, None, Response]:
        if self._native is None:
            raise self._error()
        try:
            response = yield from super().__await__()
        except asyncio.CancelledError:
            if self._signal.aborted:
                raise self._error() from None
            raise
        finally:
            self._forget()
        self._signal.may_end(response.native, self._error)
        return response

    def _error(self) -> BaseException:
        return failure_of(self._signal.error())


def _nothing() -> None:
    """Nobody is to be forgotten."""
