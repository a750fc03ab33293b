"""How each operation is done that is not one worker's alone: by all, or by the supervisor."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ....storage.durable_files import make_directory
from ...control.protocol import OperationFailed
from ...host.operations.doctoring import DoctorArguments, examine, summary
from ...host.operations.exporting import ExportArguments
from ...host.operations.finding import Finding
from ...host.operations.house import Told, Values
from ...host.operations.listing import ListArguments
from ...host.operations.naming import find_namespace, namespaces_of
from ...host.operations.removing import ListDeletedArguments, list_deleted
from ...host.operations.replacing import ForkArguments, ImportArguments
from ...host.operations.table import understood
from ...host.operations.verifying import Findings, VerifyArguments, verify_shared
from ...sandbox.doctoring import examine_sandboxes
from .backing_up import back_up
from .houses import Houses
from .merging import in_order
from .tailing import tail

Way = Callable[[Houses, Any, Told], Awaitable[Values]]


async def run(houses: Houses, name: str, arguments: Values, told: Told) -> Values:
    """Carry out an operation on the data; see ``table.run``. Is a desk's ``OnData``.

    Raises:
        OperatorError: There is no such operation, it has no such arguments, or it was refused.
        PerdureError: It failed.
    """
    _, given = understood(name, arguments)
    way = _WAYS.get(name)
    if way is None:  # it is about one actor
        return await houses.by_owner(name, given, told)
    return await way(houses, given, told)


async def _list(houses: Houses, arguments: ListArguments, told: Told) -> Values:
    """All tell of theirs, in the order of namespaces and ids; see ``list_actors``."""
    if arguments.namespace is None:
        records = await namespaces_of(houses)
    else:
        records = [await find_namespace(houses, arguments.namespace)]
    places = {record.unique_key: place for place, record in enumerate(records)}
    count, has_more = 0, False

    async def hand_on(item: Values) -> bool:
        nonlocal count, has_more
        if count == arguments.limit:
            has_more = True
            return False
        await told.item(item)
        count += 1
        return True

    def key(item: Values) -> tuple[int, str]:
        return places.get(item["unique_key"], len(places)), item["id"]

    results = await in_order(houses.all_workers("list", arguments), told, key, hand_on)
    has_more = has_more or any(result["has_more"] for result in results)
    return {"count": count, "has_more": has_more}


async def _list_deleted(houses: Houses, arguments: ListDeletedArguments, told: Told) -> Values:
    """The trash is nobody's in particular."""
    return await list_deleted(houses, arguments, told)


async def _fork(houses: Houses, arguments: ForkArguments, told: Told) -> Values:
    """Copy an actor to one that may be another worker's; see ``fork_actor``."""
    source = await houses.slot_of(arguments.namespace, arguments.name, arguments.id)
    target = await houses.slot_of(arguments.namespace, arguments.to, None)
    if source == target:
        return await houses.worker(source, "fork", arguments)(told)
    await asyncio.to_thread(make_directory, houses.layout.drafts_dir)
    draft = houses.layout.drafts_dir / f"{os.urandom(8).hex()}.draft"
    export = ExportArguments(
        arguments.namespace, str(draft), arguments.name, arguments.id, force=True
    )
    take_in = ImportArguments(
        arguments.namespace,
        str(draft),
        arguments.to,
        force=arguments.force,
        without_alarm=not arguments.with_alarm,
    )
    try:
        await houses.worker(source, "export", export)(told)
        return await houses.worker(target, "import", take_in)(told)
    finally:
        draft.unlink(missing_ok=True)


async def _verify(houses: Houses, arguments: VerifyArguments, told: Told) -> Values:
    """What all share is read here, and each worker reads its own objects; see ``verify``."""
    findings = Findings(told, arguments.limit)
    read = await verify_shared(houses.layout, findings)
    records = await namespaces_of(houses)
    folders = {
        str(houses.layout.namespace_dir(record.unique_key)): place
        for place, record in enumerate(records)
    }

    def key(item: Values) -> tuple[bool, int, str]:
        folder = item["path"].rsplit("/", 2)[0]
        return item["kind"] == "quarantine", folders.get(folder, len(folders)), item["path"]

    async def hand_on(item: Values) -> bool:
        if findings.count < arguments.limit:
            await told.item(item)
        findings.count += 1
        return True

    asks = houses.all_workers("verify", replace(arguments, objects_only=True))
    results = await in_order(asks, told, key, hand_on)
    # Beyond the limit workers tell of nothing, and still count.
    untold = sum(max(result["findings"] - arguments.limit, 0) for result in results)
    actors = sum(result["actors"] for result in results)
    return {**read, "actors": actors, "findings": findings.count + untold}


async def _doctor(houses: Houses, arguments: DoctorArguments, told: Told) -> Values:
    """The machine is looked at here, and each worker says how its storage is; see ``doctor``."""
    findings: list[Finding] = []
    if not arguments.storage_only:
        findings = await asyncio.to_thread(examine, houses.layout, [examine_sandboxes])
    found = await asyncio.gather(*[_storage_of(houses, slot) for slot in houses.placement.slots])
    findings.extend(found)
    for finding in findings:
        await told.item(asdict(finding))
    return summary(findings)


async def _storage_of(houses: Houses, slot: str) -> Finding:
    """One that cannot say is a finding, too."""
    name = f"storage {slot}"
    found: list[Finding] = []

    class Hears:
        async def progress(self, what: str, done: int, total: int | None) -> None:
            """There is none."""

        async def item(self, item: Values) -> None:
            found.append(Finding(**{**item, "name": name}))

    advice = f"perdure ps shows how far worker {slot} is, and the log why"
    if not houses.is_serving(slot):
        return Finding(name, "bad", "no process serves it at the moment", advice)
    try:
        await houses.worker(slot, "doctor", DoctorArguments(storage_only=True))(Hears())
    except OperationFailed as error:
        return Finding(name, "bad", str(error), advice)
    (one,) = found
    return one


_WAYS: Mapping[str, Way] = {
    "list": _list,
    "deleted": _list_deleted,
    "fork": _fork,
    "verify": _verify,
    "doctor": _doctor,
    "backup": back_up,
    "tail": tail,
}
