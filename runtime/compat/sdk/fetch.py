"""``workers.fetch``: requests to anywhere."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from ....actors.fetch import fetch as native_fetch
from ....actors.http import Request as NativeRequest
from .messages import Response, native_request

__all__ = ["fetch"]

_OF_REQUESTS = ("method", "headers", "body", "redirect")


def fetch(resource: Any, **options: Any) -> "Fetching":
    """Send a request; awaiting it gives a ``workers.Response``.

    Args:
        resource: An absolute URL, a Request, or one of ``js``.
        options: ``method``, ``headers``, ``body``, ``redirect``; ``fetcher``, a binding to send
            it through. Others, ``cf`` among them, are of no effect.

    Raises:
        OSError: The network failed (when awaited). An HTTP error status is an answer.
    """
    fetcher = options.pop("fetcher", None)
    if fetcher is not None:
        sent: Fetching = fetcher.fetch(resource, **options)
        return sent
    return fetch_with(native_fetch, resource, options)


def fetch_with(
    send: Callable[[NativeRequest], Any], resource: Any, options: Mapping[str, Any]
) -> "Fetching":
    """Send a request by ``send``."""
    if options:
        options = {name: options[name] for name in _OF_REQUESTS if options.get(name) is not None}
    return Fetching(send(native_request(resource, options)))


class Fetching:
    """A request under way: gives its response when awaited."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    def __await__(self) -> Generator[Any, None, Response]:
        return Response.of((yield from self._native.__await__()))
