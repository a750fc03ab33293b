"""Appending to the log, awaited."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from perdure.storage.durable_append import all_durable, append_durably
from perdure.storage.errors import StorageBroken
from perdure.storage.logformat import Change, RecordKind
from tests.failing import fails_with
from tests.storage.timeline import KEY, A, Timeline

CHANGE = Change(RecordKind.TAKEN_OVER, KEY, A)


async def test_returns_when_the_record_is_durable_and_acts_in_that_moment(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path / "data")
    log, acted = timeline.store.log, list[tuple[int, int]]()
    await append_durably(log, CHANGE, lambda lsn: acted.append((lsn, log.durable_lsn)))
    assert acted == [(log.appended_lsn, log.appended_lsn)]
    await all_durable(log)  # nothing is waited for
    assert not log.on_broken
    timeline.close()


async def test_who_waits_is_told_when_the_log_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = Timeline(tmp_path / "data")

    monkeypatch.setattr(os, "fdatasync", fails_with(errno.EIO))
    acted: list[int] = []
    with pytest.raises(StorageBroken):
        await append_durably(timeline.store.log, CHANGE, acted.append)
    monkeypatch.undo()
    assert acted == []
    with pytest.raises(StorageBroken):
        await all_durable(timeline.store.log)
    timeline.close()


async def test_who_does_not_wait_any_more_does_not_keep_it_from_happening(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path / "data")
    acted: list[int] = []
    task = asyncio.create_task(append_durably(timeline.store.log, CHANGE, acted.append))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    timeline.store.log.wait()
    assert acted == [timeline.store.log.appended_lsn]
    timeline.close()
