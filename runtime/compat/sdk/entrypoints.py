"""The classes that programs derive from, and what goes with them in the module ``workers``."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from ....actors.base import DurableObject, WorkerEntrypoint
from ....actors.errors import ActorAborted
from ....actors.execution import current_execution
from ....storage.errors import UsageError
from ..js.errors import NotAvailable
from ..js.http import Request as JsRequest
from ..views.state import DurableObjectContext
from .messages import Request

__all__ = [
    "DurableObject",
    "DurableObjectAbort",
    "DurableObjectContext",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "handler",
    "import_from_javascript",
    "waitUntil",
    "wait_until",
]

DurableObjectAbort = ActorAborted


class WorkflowEntrypoint:
    """Workflows are not run by perdure; a program that has one besides still loads."""

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of the module, so that it gets a ``workers.Request``."""

    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        first, *others = arguments
        if isinstance(first, JsRequest):
            first = Request.of(first.native)
        return function(first, *others)

    return wrapper


def wait_until(awaitable: Awaitable[Any]) -> None:
    """Go on with ``awaitable`` after the response has left; its failure is logged.

    Raises:
        NotInHandler: No handler is running.
    """
    current_execution("wait_until()").wait_until(awaitable)


waitUntil = wait_until


def import_from_javascript(module_name: str) -> NoReturn:
    """There is no JavaScript to import from.

    Raises:
        NotAvailable: Always.
    """
    if not isinstance(module_name, str):
        raise UsageError(f"a module's name is a str, not {type(module_name).__name__}")
    raise NotAvailable(
        f"import_from_javascript({module_name!r})",
        "there is no JavaScript here. What cloudflare:workers and cloudflare:sockets offer is in "
        "the module workers, and in asyncio",
    )
