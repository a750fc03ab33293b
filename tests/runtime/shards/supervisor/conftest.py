"""What tests of the supervisor share."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runtime.shards.supervisor.children import WAIT_S, Children, Hearer, Staff


@pytest.fixture
async def children() -> AsyncIterator[Children]:
    children = Children()
    async with asyncio.timeout(WAIT_S):
        yield children
    await children.close()


@pytest.fixture
async def staff(tmp_path: Path) -> AsyncIterator[Staff]:
    staff = Staff(tmp_path)
    yield staff
    await staff.close()


@pytest.fixture
async def logged() -> AsyncIterator[Hearer]:
    hearer = Hearer()
    logger = logging.getLogger("perdure.supervisor")
    level = logger.level
    logger.addHandler(hearer)
    logger.setLevel(logging.INFO)
    yield hearer
    logger.removeHandler(hearer)
    logger.setLevel(level)
