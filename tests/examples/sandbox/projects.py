"""What servers in sandboxes need: the package ``websockets`` inside, or Bun."""

import os
import shutil
from pathlib import Path

import pytest
import websockets

MODULES = Path(__file__).parents[3] / "node_modules"
PYTHON, BUN = "python", "bun"


def check_wall() -> None:
    """Pass the test over where no wall can be made."""
    if not os.access("/usr/bin/bwrap", os.X_OK):
        pytest.skip("there is no bubblewrap here, to make a wall of")


def put_packages(project: Path) -> None:
    """Do what ``pip install --target packages websockets`` does, without a network."""
    folder = Path(str(websockets.__file__)).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(folder, project / "packages" / "websockets", ignore=ignored)


def put_bun(project: Path) -> None:
    """Do what ``npm install bun`` does, with what is installed."""
    if not (MODULES / ".bin/bun").exists():
        pytest.skip("bun is not in node_modules: `.ci/run peer` installs it")
    (project / "node_modules").symlink_to(MODULES)


def copied(example: Path, kind: str, project: Path) -> Path:
    """An example as a project of its own, whose ``wrangler.toml`` is the one for ``kind``."""
    check_wall()
    ignored = shutil.ignore_patterns("packages", "node_modules", ".perdure*", "__pycache__")
    shutil.copytree(example, project, ignore=ignored)
    if kind == BUN:
        put_bun(project)
        (project / "bun.toml").replace(project / "wrangler.toml")
    else:
        put_packages(project)
    return project
