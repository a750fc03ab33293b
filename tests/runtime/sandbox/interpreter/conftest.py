"""What tests of code contexts share."""

import pytest

from tests.runtime.sandbox.interpreter.hosts import Hosted, hosted
from tests.runtime.sandbox.sandboxes import Sandboxes


@pytest.fixture
async def walled_host(walled: Sandboxes) -> Hosted:
    """The code host of a sandbox behind a wall."""
    return await hosted(walled)


@pytest.fixture
async def open_host(sandboxes: Sandboxes) -> Hosted:
    """Likewise, of one without a wall."""
    return await hosted(sandboxes)
