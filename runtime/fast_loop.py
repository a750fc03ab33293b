"""The fastest event loop there is."""

import asyncio
from collections.abc import Callable


def find_fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop; None, which means asyncio's own, where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415  # not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
