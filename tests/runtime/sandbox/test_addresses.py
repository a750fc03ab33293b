import stat

import pytest

from perdure.runtime.sandbox.addresses import KEEPER_SOCKET_NAME, LAUNCHER_SOCKET_NAME
from tests.runtime.sandbox.sandboxes import Sandboxes

pytestmark = pytest.mark.slow


async def test_launcher_and_keepers_listen_under_their_names(sandboxes: Sandboxes) -> None:
    name = "ac" * 32
    await sandboxes.open(name)
    launcher, keeper = LAUNCHER_SOCKET_NAME, f"{name}/{KEEPER_SOCKET_NAME}"
    found = [path for path in sandboxes.folder.rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]
    assert {str(path.relative_to(sandboxes.folder)) for path in found} == {launcher, keeper}
