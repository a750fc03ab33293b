"""The class of a Worker that is an application."""

from collections.abc import Awaitable, Callable
from typing import Any

from ....actors.base import WorkerEntrypoint
from ....actors.http import Request, Response


def entrypoint_of(
    answer: Callable[..., Awaitable[Response]], *first: Any
) -> type[WorkerEntrypoint]:
    """A class to be ``Default``.

    Args:
        answer: Called as ``answer(*first, request, env, ctx)`` for every request.
        first: Its first arguments.
    """

    class Default(WorkerEntrypoint):
        """Answers with an application."""

        async def fetch(self, request: Request) -> Response:
            return await answer(*first, request, self.env, self.ctx)

    Default.__qualname__ = "Default"  # as logs and traces call it
    return Default
