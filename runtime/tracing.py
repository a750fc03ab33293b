"""Exporting traces, if that is asked for and can be done."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping

from .config.model import WorkerConfig
from .config.tracing import tracing_of
from .errors import TracingUnavailable
from .observe.tracers import tracers

log = logging.getLogger("perdure.server")

# For what is left when the server ends; a collector that is away is not waited for longer.
CLOSE_S = 2.0


def start_tracing(
    config: WorkerConfig, environment: Mapping[str, str]
) -> Callable[[], Awaitable[None]] | None:
    """Follow events from now on; return what ends that, or None if nobody wants it.

    Args:
        config: What is run.
        environment: The process's environment variables.

    Raises:
        TracingUnavailable: The configuration asks for it, and OpenTelemetry is not installed.
    """
    wanted = tracing_of(config.perdure.tracing, environment)
    if wanted is None or wanted.sampling_ratio is None:
        return None
    try:
        from .observe.spans import SpanExport  # noqa: PLC0415  # an extra, and it takes 0.2 s
    except ImportError as error:
        if config.perdure.tracing is not None:
            raise TracingUnavailable from error
        # A variable that a whole machine has must not keep this program from starting.
        log.warning("tracing.unavailable", extra={"hint": "pip install 'perdure[otel]'"})
        return None
    has_name = "OTEL_SERVICE_NAME" in environment or (
        "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    )
    name = None if has_name else config.name
    export = SpanExport.to_collector(wanted.endpoint, name, wanted.sampling_ratio)
    tracers.add(export.tracer)

    async def close() -> None:
        tracers.remove(export.tracer)
        await _close(export.close)

    return close


async def _close(export_close: Callable[[], None]) -> None:
    """Wait for a while; the thread, which a loop's own would have to be, need not end."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def close() -> None:
        export_close()
        with contextlib.suppress(RuntimeError):  # the loop has gone meanwhile
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=close, name="perdure-tracing-close", daemon=True).start()
    try:
        await asyncio.wait_for(closed.wait(), CLOSE_S)
    except TimeoutError:
        log.warning("tracing.not_flushed", extra={"waited_s": CLOSE_S})
