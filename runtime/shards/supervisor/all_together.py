"""Several things at the same time, of which the first failure counts."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

_T = TypeVar("_T")


async def all_together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Do all at the same time; the first failure cancels the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
