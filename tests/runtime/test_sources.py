"""Which changes of a project's files are told of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from perdure.runtime.sources import Sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for folder in ("src/deep", ".git", "env/lib", "src/__pycache__", "data"):
        (root / folder).mkdir(parents=True)
    (root / "env" / "pyvenv.cfg").touch()
    for name in ("wrangler.toml", "src/main.py", "src/deep/part.py", "env/lib/a.py", ".git/a.py"):
        (root / name).write_text("1")
    return root


class Changes:
    def __init__(self, root: Path, told: AsyncIterator[frozenset[Path]]) -> None:
        self.root = root
        self.told = told

    async def until(self, *names: str) -> None:
        """Wait for changes of these files, of which no others may be told."""
        missing = {self.root / name for name in names}
        async with asyncio.timeout(60):
            while missing:
                told = await anext(self.told)
                assert told <= missing, "nobody asked for the others"
                missing -= told


@asynccontextmanager
async def watching(root: Path) -> AsyncIterator[Changes]:
    sources = Sources(root / "wrangler.toml", root / "src" / "main.py", root / "data")
    async with aclosing(sources.changes()) as told:
        yield Changes(root, told)


async def test_files_of_the_project_are_told_of_and_no_others(root: Path) -> None:
    async with watching(root) as changes:
        (root / "src" / "main.py").write_text("22")  # before it has begun to watch
        await changes.until("src/main.py")
        for name in ("env/lib/a.py", ".git/a.py", "data/a.py", "src/__pycache__/a.py", "a.txt"):
            (root / name).write_text("22")
        (root / "src" / "deep" / "part.py").unlink()
        (root / ".dev.vars").write_text("A=1")
        (root / ".dev.vars.staging").write_text("A=1")
        (root / ".env.local").write_text("A=1")
        await changes.until("src/deep/part.py", ".dev.vars", ".dev.vars.staging", ".env.local")
        (root / "wrangler.toml").write_text("22")
        await changes.until("wrangler.toml")


async def test_files_elsewhere_are_told_of_if_they_are_named(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "values"
    other.parent.mkdir()
    sources = Sources(root / "wrangler.toml", root / "src" / "main.py", root / "data", [other])
    async with aclosing(sources.changes()) as told:
        other.write_text("A=1")
        assert await anext(told) == {other}


async def test_new_folders_are_watched_too(root: Path) -> None:
    async with watching(root) as changes:
        (root / "src" / "new").mkdir()
        (root / "src" / "new" / "one.py").write_text("1")
        await changes.until("src/new/one.py")
        (root / "src" / "new" / "one.py").write_text("22")
        await changes.until("src/new/one.py")


async def test_a_file_that_is_replaced_has_changed(root: Path) -> None:
    """As editors save."""
    async with watching(root) as changes:
        (root / "src" / "main.py~").write_text("22")
        (root / "src" / "main.py~").rename(root / "src" / "main.py")
        await changes.until("src/main.py")


async def test_files_of_workers_that_are_started_with_it_are_told_of(
    root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "src").mkdir(parents=True)
    for name in ("wrangler.toml", "src/hall.py"):
        (other / name).write_text("1")
    sources = Sources(
        *(root / "wrangler.toml", root / "src" / "main.py", root / "data"),
        beside=[(other / "wrangler.toml", other / "src" / "hall.py")],
    )
    async with aclosing(sources.changes()) as told:
        changes = Changes(tmp_path, told)
        for name in ("other/wrangler.toml", "other/src/hall.py", "other/.dev.vars"):
            (tmp_path / name).write_text("22")
        await changes.until("other/wrangler.toml", "other/src/hall.py", "other/.dev.vars")
        (root / "src" / "main.py").write_text("22")
        await changes.until("project/src/main.py")
