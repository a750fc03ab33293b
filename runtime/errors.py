"""Why a server does not start, beside what its parts say."""

import errno
import os

from ..storage.errors import UsageError
from .host.migration_plan import MigrationPlan


class PortTaken(UsageError):
    """The server cannot listen there: another program does, or the system does not allow it.

    Attributes:
        host: The address.
        port: The port.
        why: In the system's words.
        option: What chooses the port.
    """

    def __init__(self, host: str, port: int, why: str, option: str = "--port") -> None:
        self.host = host
        self.port = port
        self.why = why
        self.option = option
        super().__init__(host, port, why, option)

    def __str__(self) -> str:
        advice = f"Choose another address with --host, or another port with {self.option}"
        if self.option == "--control-port":  # its address is no choice
            advice = f"Choose another port with {self.option}"
        if self.why == os.strerror(errno.EADDRINUSE):
            advice = f"Stop the program that does, or choose another port with {self.option}"
        return f"cannot listen on {self.host}:{self.port}: {self.why}. {advice}"


class MigrationDeclined(UsageError):
    """A migration would delete data, and nobody said that it may; nothing was changed.

    Attributes:
        plan: What would have been done.
    """

    def __init__(self, plan: MigrationPlan) -> None:
        self.plan = plan
        super().__init__(plan)

    def __str__(self) -> str:
        names = ", ".join(deleted.class_name for deleted in self.plan.all_destroyed)
        return f"the migration deletes all objects of {names}; it was not confirmed"


class TracingUnavailable(UsageError):
    """Traces are to be exported, and what does that is not installed."""

    def __str__(self) -> str:
        return (
            "[perdure.tracing] needs OpenTelemetry, which is not installed. "
            "Install it with pip install 'perdure[otel]', or take the table out"
        )
