"""Reads all that a data directory holds, while it is in use, and tells what is damaged.

*Promise*: what is told was found twice, or by the owner of the file: a file that somebody writes to
while it is read looks damaged, and is not.
"""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....storage.archive.verify import verify_archive
from ....storage.catalog import NamespaceRecord
from ....storage.errors import PerdureError, StorageError
from ....storage.layout import Layout
from ....storage.log_hold import hold_logs
from ....storage.verification import check_database, check_log
from .exporting import copy_actor
from .house import House, Told, Values
from .naming import Address, address, namespaces_of, own_files
from .replacing import draft_in

_BATCH_FILES = 32


@dataclass(frozen=True, slots=True)
class VerifyArguments:
    """What is to be read.

    Attributes:
        limit: So many findings are told at most.
        objects_only: The objects alone, and not what all processes of a server share.
    """

    limit: int = 1000
    objects_only: bool = False


@dataclass(slots=True)
class Findings:
    """What is told, and how much.

    Attributes:
        told: Whoever asked.
        limit: He is told of so many at most.
        count: So many there are.
    """

    told: Told
    limit: int
    count: int = 0

    async def add(self, kind: str, path: Path, problem: str) -> None:
        self.count += 1
        if self.count <= self.limit:
            await self.told.item({"kind": kind, "path": str(path), "problem": problem})


async def verify(house: House, arguments: VerifyArguments, told: Told) -> Values:
    """Tell of each damage as an item: ``kind``, ``path``, ``problem``.

    Returns:
        ``records``, ``archive_files``, ``actors`` that were read; ``findings``.
    """
    findings = Findings(told, arguments.limit)
    read = {"records": 0, "archive_files": 0}
    if not arguments.objects_only:
        read = await verify_shared(house.layout, findings)
    actors = await _verify_actors(house, findings)
    for unique_key, raw_id in house.store.marks.of_kind("quarantine"):
        if house.owns(unique_key, raw_id):
            path = house.layout.actor_file(unique_key, raw_id)
            await findings.add("quarantine", path, "the object is not served until it is restored")
    return {**read, "actors": actors, "findings": findings.count}


async def verify_shared(layout: Layout, findings: Findings) -> Values:
    """Read what lies beside the objects; return how many ``records`` and ``archive_files``."""
    records = await _verify_logs(layout, findings)
    path = layout.catalog_file
    problem = await asyncio.to_thread(check_database, path)
    if problem is not None:
        await findings.add("catalog", path, problem)
    return {"records": records, "archive_files": await _verify_archive(layout, findings)}


async def _verify_logs(layout: Layout, findings: Findings) -> int:
    records = 0
    with hold_logs(layout):
        for path in sorted(layout.logs_dir.glob("*")):
            if not path.is_dir():
                continue
            await findings.told.progress("Reading the log", records, None)
            found, error = await asyncio.to_thread(check_log, path)
            records += found
            if error is not None:
                await findings.add("log", error.path, error.problem)
    return records


async def _verify_archive(layout: Layout, findings: Findings) -> int:
    count = 0
    looking = verify_archive(layout.archive_dir)
    while found := await asyncio.to_thread(lambda: list(itertools.islice(looking, _BATCH_FILES))):
        count += len(found)
        await findings.told.progress("Reading the archive", count, None)
        for path, error in found:
            if error is not None:
                await findings.add("archive", path, error.problem)
    return count


async def _verify_actors(house: House, findings: Findings) -> int:
    records = await namespaces_of(house)
    total = await asyncio.to_thread(_count, house, records)
    count = 0
    for record in records:
        files = own_files(house, record.unique_key)
        while batch := await asyncio.to_thread(_look, files):
            for path, problem in batch:
                if problem is not None:
                    await _look_again(house, record, path, findings)
            count += len(batch)
            await findings.told.progress("Reading objects", count, max(total, count))
    return count


def _count(house: House, records: list[NamespaceRecord]) -> int:
    return sum(1 for record in records for _ in own_files(house, record.unique_key))


def _look(files: Iterator[Path]) -> list[tuple[Path, str | None]]:
    """Check the next files; "unknown" of those whose content is not all in the file."""
    found: list[tuple[Path, str | None]] = []
    for path in itertools.islice(files, _BATCH_FILES):
        if path.with_name(path.name + "-wal").exists():
            found.append((path, "unknown"))
        elif path.exists():
            found.append((path, check_database(path)))
    return found


async def _look_again(
    house: House, record: NamespaceRecord, path: Path, findings: Findings
) -> None:
    """Read it as its owner does, who knows what is in the file and what is in the log."""
    found = await address(house, record.unique_key, None, path.stem)
    try:
        if not _has_file(house, found):
            return
        async with draft_in(house) as draft:
            await copy_actor(house, found, draft, findings.told)
            problem = await asyncio.to_thread(check_database, draft)
    except StorageError as error:
        problem = error.problem
    except PerdureError as error:
        problem = str(error)
    if problem is not None:
        await findings.add("object", path, problem)


def _has_file(house: House, found: Address) -> bool:
    with house.host.custody.borrow(found.unique_key, found.id.raw) as database:
        return bool(database.rows("SELECT 1"))
