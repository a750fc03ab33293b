"""What tests of sandboxes share: one launcher for all that are in one file."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import perdure.runtime.edge.sandbox_outbound as outbound
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import Sandboxes


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LauncherProcess, Path]]:
    folder = tmp_path_factory.mktemp("data") / "sandboxes"
    launcher = LauncherProcess(folder)
    yield launcher, folder
    launcher.close()
    assert launcher.poll() == 0
    assert not (folder / "launcher.sock").exists()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than for a user, until a server inside listens: a machine may be busy."""
    monkeypatch.setattr(outbound, "LISTEN_WAIT_S", 60.0)


@pytest.fixture
async def sandboxes(launcher: tuple[LauncherProcess, Path]) -> AsyncIterator[Sandboxes]:
    """Without a wall: what is behind one is the same program."""
    sandboxes = Sandboxes(launcher[1], launcher[0], "none")
    yield sandboxes
    await sandboxes.close()


@pytest.fixture
async def walled(launcher: tuple[LauncherProcess, Path]) -> AsyncIterator[Sandboxes]:
    """Behind walls, where this machine can give them."""
    if not os.access("/usr/bin/bwrap", os.X_OK):
        pytest.skip("there is no bubblewrap here, to make a wall of")
    sandboxes = Sandboxes(launcher[1], launcher[0], "bubblewrap")
    yield sandboxes
    await sandboxes.close()


@pytest.fixture
async def boxes(launcher: tuple[LauncherProcess, Path], tmp_path: Path) -> AsyncIterator[Boxes]:
    """Actors whose sandboxes are behind walls, where this machine can give them."""
    if not os.access("/usr/bin/bwrap", os.X_OK):
        pytest.skip("there is no bubblewrap here, to make a wall of")
    boxes = Boxes(tmp_path, launcher, "bubblewrap")
    yield boxes
    await boxes.close()


@pytest.fixture
async def open_boxes(
    launcher: tuple[LauncherProcess, Path], tmp_path: Path
) -> AsyncIterator[Boxes]:
    """Without a wall."""
    boxes = Boxes(tmp_path, launcher, "none")
    yield boxes
    await boxes.close()
