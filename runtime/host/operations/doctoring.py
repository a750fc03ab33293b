"""Judges what the promise rests on, and says what to do about what is not right."""

import asyncio
import json
import resource
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ....storage.directory import ENGINE, FORMAT
from ....storage.health import StoreHealth
from ....storage.layout import Layout
from ....storage.probes import file_system, lock_holder, room, sqlite_facts, sync_latency_us
from .finding import Finding
from .house import House, Told, Values

# A file system in memory forgets; over a network or another one, fsync promises less.
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_LAYERED = frozenset({"overlay", "aufs", "fuse.unionfs", "ecryptfs"})
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"}
)
# No disk and no flash with a cache that loses nothing is quicker (a write of NVMe takes 10 us).
_SUSPICIOUS_US = 20.0
_SLOW_US = 20_000.0
_FREE_SIZE_BYTES_MIN = 1 << 30
_FREE_FILES_MIN = 10_000
_DESCRIPTORS_MIN = 4096
_EPOCH_OF_THIS_PROGRAM_S = 1_735_689_600.0  # 2025: no clock that is right is before that
_CLOCK_SLACK_S = 60.0


@dataclass(frozen=True, slots=True)
class DoctorArguments:
    """What is to be looked at.

    Attributes:
        storage_only: The store alone, and not what all processes of a server share.
    """

    storage_only: bool = False


async def doctor(house: House, arguments: DoctorArguments, told: Told) -> Values:
    """Tell of each thing that was looked at as an item, a Finding; return the summary."""
    findings: list[Finding] = []
    if not arguments.storage_only:
        findings = await asyncio.to_thread(examine, house.layout, house.looks)
    findings.append(_health(house.store.health()))
    for finding in findings:
        await told.item(asdict(finding))
    return summary(findings)


def summary(findings: list[Finding]) -> Values:
    """Return how many findings are ``bad``, and how many ``warnings``."""
    states = [finding.state for finding in findings]
    return {"bad": states.count("bad"), "warnings": states.count("warning")}


def examine(layout: Layout, more: Iterable[Callable[[], Finding]] = ()) -> list[Finding]:
    """Look at everything that can be looked at without opening the directory; in a thread.

    Args:
        layout: Its root must be a directory.
        more: What else of the machine is to be looked at.
    """
    looks: list[Callable[[Layout], Finding]] = [
        _format,
        _lock,
        _mode,
        _file_system,
        _room,
        _files,
        _sync,
        _descriptors,
        _sqlite,
        _clock,
    ]
    return [*(look(layout) for look in looks), *(look() for look in more)]


def examine_machine(data_dir: Path, more: Iterable[Callable[[], Finding]] = ()) -> list[Finding]:
    """Look at what is known before anything has been stored; nothing is made. In a thread.

    Args:
        data_dir: Where the data will be; it is not there yet.
        more: What else of the machine is to be looked at.
    """
    there = next(folder for folder in data_dir.absolute().parents if folder.is_dir())
    looks = [_file_system, _room, _files, _descriptors, _sqlite, _clock]
    found = f"{data_dir} is not there yet: perdure dev and perdure serve make it"
    findings = [Finding("data", "ok", found)]
    return [*findings, *(look(Layout(there)) for look in looks), *(look() for look in more)]


def _format(layout: Layout) -> Finding:
    name = "format"
    try:
        found = json.loads(layout.format_file.read_text())
        told = (found["format"], found["engine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding(name, "bad", f"FORMAT cannot be read: {error}", "Restore a backup")
    shown = f"format {told[0]}, engine {told[1]}"
    if told == (FORMAT, ENGINE):
        return Finding(name, "ok", shown)
    if isinstance(told[0], int) and told[0] < FORMAT:
        advice = "The next start brings it up to date, and there is no way back: make a copy first"
        return Finding(name, "warning", shown, advice)
    return Finding(name, "bad", shown, "Use the version of perdure that wrote it, or a later one")


def _lock(layout: Layout) -> Finding:
    is_held, pid = lock_holder(layout.lock_file)
    if is_held:
        return Finding("lock", "ok", f"held by process {pid}" if pid else "held")
    if pid is not None:
        found = f"process {pid} has died; the next start recovers what it left"
        return Finding("lock", "ok", found)
    return Finding("lock", "ok", "free")


def _mode(layout: Layout) -> Finding:
    mode = stat.S_IMODE(layout.root.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        advice = f"chmod go-w {layout.root}"
        return Finding("mode", "bad", f"{mode:o}: others may change the data", advice)
    found = f"{mode:o}" + (": others may read the data" if mode & stat.S_IROTH else "")
    return Finding("mode", "ok", found)


def _file_system(layout: Layout) -> Finding:
    name = "file system"
    found = file_system(layout.root)
    if found is None:
        return Finding(name, "warning", "not known", "See docs/operator.md on which ones will do")
    shown = f"{found.kind} at {found.mount_point}"
    if found.kind in _IN_MEMORY:
        advice = "It is gone with the machine's power: put the data on a disk"
        return Finding(name, "warning", f"{shown} is in memory", advice)
    if found.kind in _LAYERED:
        advice = "It is gone with its container: mount a volume for the data"
        return Finding(name, "warning", f"{shown} is a layer over others", advice)
    if found.kind in _REMOTE:
        advice = "Locks and fsync promise less there: put the data on a disk of this machine"
        return Finding(name, "warning", f"{shown} is on another machine", advice)
    return Finding(name, "ok", shown)


def _room(layout: Layout) -> Finding:
    try:
        found = room(layout.root)
    except OSError as error:
        return Finding("space", "warning", f"not known: {error}", "Look with df")
    shown = f"{found.free_size_bytes / 2**30:.1f} of {found.size_bytes / 2**30:.1f} GiB are free"
    if found.is_read_only:
        return Finding("space", "bad", "it is mounted read-only", "Mount it for writing")
    if found.free_size_bytes < _FREE_SIZE_BYTES_MIN:
        advice = "Make room: when it is used up, nothing can be written"
        return Finding("space", "warning", shown, advice)
    return Finding("space", "ok", shown)


def _files(layout: Layout) -> Finding:
    try:
        free = room(layout.root).free_files
    except OSError as error:
        return Finding("inodes", "warning", f"not known: {error}", "Look with df -i")
    if free is None:
        return Finding("inodes", "ok", "as many as there is room for")
    shown = f"{free:,} more files"
    if free < _FREE_FILES_MIN:
        advice = "Each object is a file: use a file system with more inodes"
        return Finding("inodes", "warning", shown, advice)
    return Finding("inodes", "ok", shown)


def _sync(layout: Layout) -> Finding:
    try:
        latency_us = sync_latency_us(layout.root)
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("fsync", "bad", f"fails: {reason}", "Mend the disk, or its permissions")
    shown = f"{latency_us:,.0f} us for 4 KiB"
    if latency_us < _SUSPICIOUS_US:
        advice = "So quick a disk keeps it in memory: after a power failure it may be gone"
        return Finding("fsync", "warning", shown, advice)
    if latency_us > _SLOW_US:
        return Finding("fsync", "warning", shown, "Every reply waits for it: use a quicker disk")
    return Finding("fsync", "ok", shown)


def _descriptors(_: Layout) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    shown = f"{soft:,} open files, {hard:,} at most"
    if hard != resource.RLIM_INFINITY and hard < _DESCRIPTORS_MIN:
        advice = f"Raise the limit (LimitNOFILE, ulimit -Hn) to {_DESCRIPTORS_MIN:,} or more"
        return Finding("descriptors", "warning", shown, advice)
    return Finding("descriptors", "ok", shown)


def _sqlite(_: Layout) -> Finding:
    facts = sqlite_facts()
    shown = f"{facts.version}, apsw {facts.apsw_version}"
    if not facts.is_thread_safe:
        return Finding("SQLite", "bad", f"{shown}, built for one thread", "Install another apsw")
    if facts.has_lookaside:
        advice = "Import perdure before anything else uses apsw: each object takes twice the memory"
        return Finding("SQLite", "warning", f"{shown}, with lookaside", advice)
    return Finding("SQLite", "ok", f"{shown}, lookaside off")


def _clock(layout: Layout) -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    advice = "Set the clock (timedatectl): alarms and bookmarks go by it"
    if now < _EPOCH_OF_THIS_PROGRAM_S:
        return Finding("clock", "bad", f"{shown} is in the past", advice)
    written = [layout.format_file, layout.lock_file, *layout.logs_dir.glob("*/CHECKPOINT")]
    latest = max(_modified(path) for path in written)
    if latest > now + _CLOCK_SLACK_S:
        ahead = latest - now
        return Finding("clock", "warning", f"{shown}; the data is {ahead:,.0f} s ahead", advice)
    return Finding("clock", "ok", shown)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it was never opened
        return 0.0


def _health(health: StoreHealth) -> Finding:
    if health.is_degraded:
        advice = "The server's log says since when; docs/durability.md what each means"
        return Finding("storage", "bad", "; ".join(health.reasons), advice)
    shown = f"{health.live_size_bytes / 2**20:.1f} MiB in the log, all is well"
    return Finding("storage", "ok", shown)
