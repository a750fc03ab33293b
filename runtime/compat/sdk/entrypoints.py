"""The classes that programs derive from, and what goes with them in the module ``workers``."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from ....actors.base import DurableObject, WorkerEntrypoint
from ....actors.errors import ActorAborted
from ....actors.execution import current_execution
from ....storage.errors import UsageError
from ..js.absent import absent_module
from ..js.errors import platform_errors
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
        JsException: No handler is running.
    """
    with platform_errors():
        current_execution("wait_until()").wait_until(awaitable)


waitUntil = wait_until


def import_from_javascript(module_name: str) -> Any:
    """A module of the platform's: what is in it raises ``NotAvailable`` when it is used.

    Raises:
        ImportError: It is none of those that Python programs import.
    """
    if not isinstance(module_name, str):
        raise UsageError(f"a module's name is a str, not {type(module_name).__name__}")
    if (module := absent_module(module_name)) is not None:
        return module
    raise ImportError(
        f"Failed to import {module_name!r}: it is not available on perdure, where there is no "
        "JavaScript; use a Python package",
        name=module_name,
    )
