"""Drains one worker of a server, and puts another one into its place."""

from ...control.draining import DrainArguments
from ...control.protocol import Failure, OperationFailed
from ...host.operations.errors import OperatorError
from ...host.operations.house import Values
from ..supervisor.errors import ChildFailed
from ..supervisor.places import Place, Role
from ..supervisor.supervisor import Supervisor


async def drain_worker(
    supervisor: Supervisor, arguments: DrainArguments, shutdown_timeout_s: float
) -> Values:
    """Replace the worker of a slot; return its ``worker``, ``pid`` and ``successor_pid``.

    Raises:
        OperatorError: There is no such worker.
        OperationFailed: The successor cannot serve; the worker goes on, if it did, and if that was
            known in time.
        SupervisorStopping: Nothing is replaced any more.
    """
    slot = arguments.worker or ""
    before = _pids(supervisor)
    if slot not in before:
        hint = f"There are: {', '.join(sorted(before))}; perdure ps lists them"
        raise OperatorError(f'There is no worker "{slot}"', hint)
    drain_s = shutdown_timeout_s if arguments.timeout_s is None else arguments.timeout_s
    place = Place(Role.WORKER, slot)
    try:
        await supervisor.replace(place, drain_s=drain_s)
    except ChildFailed as error:
        message = f"The {place} was not replaced: its successor does not serve"
        failure = Failure(type(error).__name__, message, error.why, is_usage=error.is_usage)
        raise OperationFailed(failure) from error
    return {"worker": slot, "pid": before[slot], "successor_pid": _pids(supervisor).get(slot)}


def _pids(supervisor: Supervisor) -> dict[str, int]:
    """Workers by slot; of several in one place the one that was told to serve last."""
    processes = supervisor.statistics().processes
    return {one.slot: one.pid for one in processes if one.role is Role.WORKER}
