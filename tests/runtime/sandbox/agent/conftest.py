from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.sandbox.agent.agents import AgentProcess


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path)
    yield agent
    assert agent.close() == ""
