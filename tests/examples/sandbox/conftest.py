"""On one loop only: a sandbox begins with processes of its own, which takes its time."""

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that ``perdure`` runs on."""
    return {"uvloop": uvloop.new_event_loop}
