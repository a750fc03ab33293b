"""A backup that comes to no end, for tests of what ends it."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from perdure.storage.backup import CopiedFile
from perdure.storage.layout import Layout


class EndlessCopying:
    """What a backup copies files with, from now on.

    Attributes:
        begun: Set when one is at it.
        has_ended: It was given up.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = asyncio.Event()
        self.has_ended = False
        self._loop = asyncio.get_running_loop()
        monkeypatch.setattr("perdure.runtime.host.operations.backing_up.copy_files", self._copy)

    def _copy(
        self, source: Layout, target: Layout, check: Callable[[], None]
    ) -> Iterator[CopiedFile]:
        del source
        file = target.root / "file"
        self._loop.call_soon_threadsafe(self.begun.set)
        try:
            while True:
                file.write_bytes(b"copied")
                check()
        finally:
            self.has_ended = True
        yield CopiedFile(file, 6)
