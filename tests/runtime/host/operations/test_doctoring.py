"""What is judged how, and what is advised."""

import errno
import json
import os
from pathlib import Path

import pytest

from perdure.runtime.host.operations import doctoring
from perdure.runtime.host.operations.doctoring import examine, summary
from perdure.runtime.host.operations.finding import Finding
from perdure.storage.layout import Layout
from perdure.storage.probes import FileSystem, Room, SqliteFacts
from tests.failing import fails_with
from tests.town import KEY, Town


def looked(layout: Layout, name: str) -> Finding:
    (finding,) = [finding for finding in examine(layout) if finding.name == name]
    return finding


async def test_a_directory_in_use_is_examined_by_its_server(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctoring, "file_system", lambda _: FileSystem("ext4", "/"))
    monkeypatch.setattr(doctoring, "sync_latency_us", lambda _: 200.0)
    monkeypatch.setattr(doctoring, "_FREE_SIZE_BYTES_MIN", 0)
    items = {item["name"]: item for item in await town.items("doctor")}
    assert {item["state"] for item in items.values()} == {"ok"}, items
    assert items["lock"]["found"] == f"held by process {os.getpid()}"
    assert items["storage"]["found"].endswith("all is well")
    assert await town.ask("doctor") == {"bad": 0, "warnings": 0}


async def test_a_store_that_is_degraded_must_be_mended(town: Town) -> None:
    town.store.marks.set("quarantine", KEY, town.id_of().raw, {"problem": "damaged"})
    items = {item["name"]: item for item in await town.items("doctor")}
    assert items["storage"]["state"] == "bad"
    assert "quarantine" in items["storage"]["found"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("tmpfs", "in memory"), ("overlay", "a layer"), ("nfs4", "another machine")],
)
def test_file_systems_that_promise_less_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    monkeypatch.setattr(doctoring, "file_system", lambda _: FileSystem(kind, "/mnt"))
    finding = looked(Layout(tmp_path), "file system")
    assert finding.state == "warning"
    assert words in finding.found
    assert finding.advice


@pytest.mark.parametrize(
    ("latency_us", "state"), [(3.0, "warning"), (150.0, "ok"), (90_000.0, "warning")]
)
def test_a_disk_too_quick_to_be_true_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, latency_us: float, state: str
) -> None:
    monkeypatch.setattr(doctoring, "sync_latency_us", lambda _: latency_us)
    assert looked(Layout(tmp_path), "fsync").state == state


def test_a_disk_that_cannot_sync_must_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctoring, "sync_latency_us", fails_with(errno.EIO))
    finding = looked(Layout(tmp_path), "fsync")
    assert (finding.state, finding.found) == ("bad", "fails: Input/output error")


@pytest.mark.parametrize(
    ("found", "space", "inodes"),
    [
        (Room(2**40, 2**41, 10**6, is_read_only=False), "ok", "ok"),
        (Room(2**20, 2**41, 10, is_read_only=False), "warning", "warning"),
        (Room(2**40, 2**41, None, is_read_only=True), "bad", "ok"),
    ],
)
def test_room_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Room, space: str, inodes: str
) -> None:
    monkeypatch.setattr(doctoring, "room", lambda _: found)
    assert looked(Layout(tmp_path), "space").state == space
    assert looked(Layout(tmp_path), "inodes").state == inodes


@pytest.mark.parametrize(
    ("content", "state"),
    [
        ({"format": 2, "engine": "commit-log"}, "ok"),
        ({"format": 1, "engine": "sqlite-full"}, "warning"),
        ({"format": 99, "engine": "other"}, "bad"),
        ({}, "bad"),
    ],
)
def test_the_format_is_judged(tmp_path: Path, content: dict[str, object], state: str) -> None:
    (tmp_path / "FORMAT").write_text(json.dumps(content))
    assert looked(Layout(tmp_path), "format").state == state


def test_a_directory_that_others_may_change_must_be_mended(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    finding = looked(Layout(tmp_path), "mode")
    assert (finding.state, finding.advice) == ("bad", f"chmod go-w {tmp_path}")
    tmp_path.chmod(0o755)
    assert looked(Layout(tmp_path), "mode").state == "ok"


def test_who_has_died_is_told(tmp_path: Path) -> None:
    assert looked(Layout(tmp_path), "lock").found == "free"
    (tmp_path / "LOCK").write_text("77\n")
    assert "process 77 has died" in looked(Layout(tmp_path), "lock").found


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (SqliteFacts("3", "3", has_lookaside=False, is_thread_safe=True), "ok"),
        (SqliteFacts("3", "3", has_lookaside=True, is_thread_safe=True), "warning"),
        (SqliteFacts("3", "3", has_lookaside=False, is_thread_safe=False), "bad"),
    ],
)
def test_sqlite_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: SqliteFacts, state: str
) -> None:
    monkeypatch.setattr(doctoring, "sqlite_facts", lambda: facts)
    assert looked(Layout(tmp_path), "SQLite").state == state


def test_a_clock_that_was_set_back_is_told(tmp_path: Path) -> None:
    assert looked(Layout(tmp_path), "clock").state == "ok"
    (tmp_path / "LOCK").touch()
    os.utime(tmp_path / "LOCK", (4_000_000_000, 4_000_000_000))
    assert looked(Layout(tmp_path), "clock").state == "warning"


def test_findings_are_counted() -> None:
    findings = [Finding("a", "ok", ""), Finding("b", "bad", ""), Finding("c", "warning", "")]
    assert summary(findings) == {"bad": 1, "warnings": 1}
