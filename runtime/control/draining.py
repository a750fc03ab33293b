"""``perdure drain``: asks whoever runs a server to stop it as a signal would.

*What draining is.* No connection and no request is taken any more; requests that are under way,
handlers of sockets and what was given to ``wait_until`` finish, for as long as
``limits.shutdown_timeout_s`` or ``--timeout`` says; then WebSockets are closed with 1001, all that
was written is durable, and the server ends. That is what SIGTERM does, too; unlike a signal, who
asks for it is told when it is over, which is what a hook that runs before a container is stopped
has to wait for. A worker that is drained is replaced: clients and their sockets notice nothing.
"""

import asyncio
import os
from dataclasses import dataclass

from ..host.operations.errors import OperatorError
from ..host.operations.house import Told, Values


@dataclass(frozen=True, slots=True)
class DrainArguments:
    """What is to be drained.

    Attributes:
        worker: The slot of one worker, which is replaced; None for the server, which ends.
        timeout_s: How long what is under way may take; None for what the configuration says.
    """

    worker: str | None = None
    timeout_s: float | None = None


# What a server has for this, as an attribute ``stop_asked``: done when it is to stop, with how
# long that may take; None for what whoever runs it thinks best.
StopAsked = asyncio.Future[float | None]


async def ask_to_stop(
    asked: StopAsked, arguments: DrainArguments, told: Told, shutdown_timeout_s: float
) -> Values:
    """Have whoever runs this server stop it.

    Tells one item, and that first: the server may be quicker than its answer. It has the ``pid``
    of the process that ends, and ``timeout_s``, after which it should have begun to.
    """
    timeout_s = shutdown_timeout_s if arguments.timeout_s is None else arguments.timeout_s
    await told.item({"pid": os.getpid(), "timeout_s": timeout_s})
    if not asked.done():
        asked.set_result(arguments.timeout_s)
    return {"is_stopping": True}


def has_no_workers(arguments: DrainArguments) -> None:
    """Return if the server as a whole is meant, where that is one process.

    Raises:
        OperatorError: A worker is.
    """
    if arguments.worker is not None:
        hint = "perdure serve --workers N has some; without --worker the server is drained"
        raise OperatorError("This server is one process, and has no workers", hint)
