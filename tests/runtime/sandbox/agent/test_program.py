import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.sandbox.agent.agents import AgentProcess

pytestmark = pytest.mark.slow


def test_it_begins_in_its_workspace(agent: AgentProcess) -> None:
    _, raw, _ = agent.ask({"op": "run", "command": "pwd; umask"})
    assert b"".join(data for _, data in raw).decode().split() == [str(agent.workspace), "0022"]


def test_without_a_connection_it_does_not_begin(agent: AgentProcess, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(tmp_path / "agent.pyc"), "77"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
