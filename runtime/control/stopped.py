"""A data directory that no server has, opened for the operator alone.

No program is loaded and no migration applied; the lock is held, and what the log has and the
files lack is brought into them, as at any start.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ...actors.clock import SystemClock
from ...actors.errors import ActorReset
from ...actors.events import OnReply
from ...actors.http import Request
from ...actors.ids import DurableObjectId
from ...actors.limits import ActorLimits
from ...actors.rpc import encode_error
from ...storage.alarm_distribution import distribute_alarms, in_first_slot
from ...storage.alarm_index import AlarmIndex
from ...storage.catalog import Catalog
from ...storage.directory import FORMAT, DataDirectory
from ...storage.errors import StorageBroken
from ...storage.layout import FIRST_SLOT, Layout
from ...storage.limits import StorageLimits
from ...storage.store import Store
from ..host.actor_host import ActorHost
from ..host.alarms import AlarmScheduler
from ..host.operations.errors import OperatorError
from ..host.operations.house import House
from ..host.past import HostPast
from ..sandbox.doctoring import examine_sandboxes

# Nobody waits for another statement here, and the owner's limits are not known.
_LIMITS = replace(StorageLimits(), sql_time_budget_s=86_400.0, database_size_bytes_max=2**31 * 4096)


class _NoNetwork:
    """What actors would reach the network through, where none of them runs."""

    def fetch(self, request: Request, on_reply: OnReply) -> None:
        on_reply(None, encode_error(ActorReset(f"{request.url} was asked for where nothing runs")))


@asynccontextmanager
async def open_stopped(data_dir: Path, bindings: Mapping[str, str]) -> AsyncIterator[House]:
    """Open the data directory at ``data_dir``, which exists.

    Args:
        data_dir: The directory.
        bindings: Name of a binding to its class.

    Raises:
        OperatorError: It is of an earlier format, or not this user's.
        DirectoryInUse: A server has it open.
        LogCorrupt: Something is missing that was durable.
        StorageError: It cannot be used.
    """
    await asyncio.to_thread(_check, Layout(data_dir))
    loop = asyncio.get_running_loop()
    clock = SystemClock(loop)
    failed: asyncio.Future[StorageBroken] = loop.create_future()

    def fail(error: StorageBroken) -> None:
        if not failed.done():
            failed.set_result(error)

    async with AsyncExitStack() as cleanup:
        directory = cleanup.enter_context(DataDirectory.open(data_dir))
        distribute_alarms(directory.layout, (FIRST_SLOT,), in_first_slot)
        index = AlarmIndex(directory.layout.alarms_file)
        cleanup.callback(index.close)
        alarms = AlarmScheduler(index, clock, lambda *_: None)
        cleanup.callback(alarms.close)

        def tell(unique_key: str, raw_id: bytes, time_ms: int | None, lsn: int) -> None:
            alarms.committed(DurableObjectId(unique_key, raw_id, None), time_ms, lsn)

        store = Store.open(
            directory.layout,
            notify=loop.call_soon_threadsafe,
            time_ms=clock.time_ms,
            on_failure=fail,
            apply_alarms=index.apply,
            save_alarms=index.saving,
            alarm_changed=tell,
        )
        cleanup.callback(store.close)
        yield House(
            layout=directory.layout,
            store=store,
            host=_empty_host(loop, clock, alarms, store),
            times=index,
            clock=clock,
            is_serving=False,
            bindings=await _keys(directory, bindings),
            failed=failed,
            looks=(examine_sandboxes,),
        )


def _check(layout: Layout) -> None:
    """Return if opening the directory leaves it as its server needs it."""
    owner = layout.root.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        problem = (
            f"{layout.root} belongs to user {owner}, who could not write what root makes in it"
        )
        raise OperatorError(problem, f"Ask as that user: sudo -u '#{owner}' perdure ...")
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # the opening tells of it
        found = json.loads(layout.format_file.read_text())["format"]
        if found < FORMAT:
            problem = f"{layout.root} has format {found}; {FORMAT} is known"
            hint = "perdure serve brings it up to date, and there is no way back"
            raise OperatorError(problem, hint)


def _empty_host(
    loop: asyncio.AbstractEventLoop, clock: SystemClock, alarms: AlarmScheduler, store: Store
) -> ActorHost:
    """Return a host that serves no namespace, so that no actor ever lives there."""
    return ActorHost(
        loop,
        _NoNetwork(),
        clock,
        alarms,
        store,
        store.marks,
        HostPast(store.history, store.marks),
        limits=ActorLimits(),
        storage_limits=_LIMITS,
        idle_timeout_s=0.0,
    )


async def _keys(directory: DataDirectory, bindings: Mapping[str, str]) -> dict[str, str]:
    """Return the unique keys of what bindings name, where that is beyond doubt."""
    async with await Catalog.open(directory.layout.catalog_file) as catalog:
        records = [record for record in await catalog.namespaces() if record.state == "live"]
    found = {}
    for name, class_name in bindings.items():
        keys = [record.unique_key for record in records if record.class_name == class_name]
        if len(keys) == 1:
            found[name] = keys[0]
    return found
