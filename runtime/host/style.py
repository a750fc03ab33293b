"""How a program is spoken to: in perdure's own words, or in another platform's.

The style belongs to the app and is chosen once, when it is loaded. It makes what the program is
given (``env``, the ``ctx`` of its objects, requests) and what calls its handlers; between the
two nothing asks for it again.
"""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from ...actors.actor import Actor, Handlers
from ...actors.base import DurableObject, WorkerEntrypoint
from ...actors.channel import Outbound
from ...actors.handlers import construct_native
from ...actors.limits import ActorLimits
from ..config.model import WorkerConfig
from .bindings import Env
from .worker import Worker


class Style(Protocol):
    """What differs between programs of one style and those of another.

    Attributes:
        durable_object: What the classes of such a program's objects derive from.
        entrypoint: And those of its entrypoints.
    """

    @property
    def durable_object(self) -> type[Any]: ...
    @property
    def entrypoint(self) -> type[Any]: ...

    def imported(self, module: ModuleType) -> None:
        """``main`` has been imported; its classes are looked for next."""
        ...

    def construct(self, cls: type[Any], env: Env, *, has_sql: bool) -> Callable[[Actor], Handlers]:
        """A function that makes the instance of an actor, and what calls its handlers."""
        ...

    def worker(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        entrypoint: type[Any],
        env: Env,
        limits: ActorLimits,
    ) -> Worker:
        """What runs the entrypoint."""
        ...


class NativeStyle:
    """Programs that import perdure."""

    durable_object: type[Any] = DurableObject
    entrypoint: type[Any] = WorkerEntrypoint

    def imported(self, module: ModuleType) -> None:
        """Find it as it is."""

    def construct(self, cls: type[Any], env: Env, *, has_sql: bool) -> Callable[[Actor], Handlers]:
        construct: Callable[[Actor], Handlers] = construct_native(cls, env, has_sql=has_sql)
        return construct

    def worker(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        entrypoint: type[Any],
        env: Env,
        limits: ActorLimits,
    ) -> Worker:
        return Worker(loop, outbound, entrypoint, env, limits)


NATIVE = NativeStyle()


def always_native(config: WorkerConfig) -> Style:
    """The style of a program, whatever its configuration says."""
    del config
    return NATIVE
