import os
import secrets
import signal
from pathlib import Path

import pytest

from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from tests.runtime.sandbox.sandboxes import text_of, until

pytestmark = pytest.mark.slow

NAME = secrets.token_hex(32)  # of this process: other tests run beside it


async def test_it_opens_sandboxes_and_logs_what_goes_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    launcher = LauncherProcess(tmp_path)
    sandbox = await SandboxConnection.open(tmp_path, NAME, {"isolation": "none"})
    agent = int(await text_of(sandbox, "echo $PPID"))
    os.kill(agent, signal.SIGKILL)
    assert "was lost" in await sandbox.is_lost()
    launcher.close()
    sandbox.close()
    log = capfd.readouterr().err
    assert "sandbox.agent_lost" in log
    assert NAME in log


async def test_without_the_pipe_it_does_not_stay(tmp_path: Path) -> None:
    launcher = LauncherProcess(tmp_path)
    os.close(launcher._life)
    launcher._life = os.open("/dev/null", os.O_RDONLY)  # for close() to close
    until(lambda: launcher.poll() == 0)
    launcher.close()
