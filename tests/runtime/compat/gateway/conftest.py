"""Servers of one worker: the applications here keep things in memory between requests."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.server import Server
from tests.serving import Serving


class OneWorker(Serving):
    async def start(
        self, config: WorkerConfig, *, data_dir: Path | None = None, **options: Any
    ) -> Server:
        return await super().start(config, data_dir=data_dir, workers=1, **options)


@pytest.fixture
async def serve(tmp_path: Path, shape: str) -> AsyncIterator[Serving]:
    serving = OneWorker(tmp_path, shape)
    yield serving
    await serving.stop()
