"""On one loop only: a sandbox begins with processes of its own, which takes its time."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

import perdure.runtime.edge.sandbox_outbound as outbound


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that ``perdure`` runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than for a user, until a server inside listens: a machine may be busy."""
    monkeypatch.setattr(outbound, "LISTEN_WAIT_S", 60.0)
