"""Drains one worker of a server, and puts another one into its place."""

from ...control.draining import DrainArguments
from ...host.operations.errors import OperatorError
from ...host.operations.house import Values
from ..supervisor.places import Place, Role
from ..supervisor.supervisor import Supervisor


async def drain_worker(
    supervisor: Supervisor, arguments: DrainArguments, shutdown_timeout_s: float
) -> Values:
    """Replace the worker of a slot; return its ``worker``, ``pid`` and ``successor_pid``.

    Raises:
        OperatorError: There is no such worker.
        ChildFailed: The successor cannot serve; the worker goes on, if that was known in time.
        SupervisorStopping: Nothing is replaced any more.
    """
    slot = arguments.worker or ""
    before = _pids(supervisor)
    if slot not in before:
        hint = f"There are: {', '.join(sorted(before))}; perdure ps lists them"
        raise OperatorError(f'There is no worker "{slot}"', hint)
    drain_s = shutdown_timeout_s if arguments.timeout_s is None else arguments.timeout_s
    await supervisor.replace(Place(Role.WORKER, slot), drain_s=drain_s)
    return {"worker": slot, "pid": before[slot], "successor_pid": _pids(supervisor).get(slot)}


def _pids(supervisor: Supervisor) -> dict[str, int]:
    """Workers by slot; of several in one place the one that was told to serve last."""
    processes = supervisor.statistics().processes
    return {one.slot: one.pid for one in processes if one.role is Role.WORKER}
