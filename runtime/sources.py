"""The files that a project is made of, and when they change.

Python files below the project's root, its configuration, ``.dev.vars`` and ``.env``. What is below
hidden folders, virtual environments, caches and the data directory is none of the project's.

The system tells that something has changed; what it was is found by looking, so that nothing is
missed between two questions, in folders that are new, or on file systems that tell nothing.
"""

import os
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

# Editors write a file in several steps: they are told of together.
STEP_MS = 50
DEBOUNCE_MS = 400
# How often is looked when nothing is told.
LOOK_INTERVAL_MS = 1000
VALUES = (".dev.vars", ".env")  # and those for an environment, with its name behind a dot
_IGNORED = frozenset({"__pycache__", "node_modules", "site-packages"})
_ENVIRONMENT = "pyvenv.cfg"  # is in the root of a virtual environment (PEP 405)

_Seen = Mapping[Path, tuple[int, int]]  # when it was written, and its size


class Sources:
    """The files of one project.

    Args:
        config_file: Its configuration; the root of the project is the folder of that.
        main: Its program, which may be elsewhere.
        data_dir: Where its state is kept.
        others: More files that it is made of, wherever they are.
        beside: Configurations and programs of Workers that are started with it.
    """

    def __init__(
        self,
        config_file: Path,
        main: Path,
        data_dir: Path,
        others: Collection[Path] = (),
        beside: Iterable[tuple[Path, Path]] = (),
    ) -> None:
        pairs = ((config_file, main), *beside)
        self._config_files = frozenset(config for config, _ in pairs)
        self._roots = _outermost(path.parent for pair in pairs for path in pair)
        self._data_dir = data_dir
        self._others = others
        self._folders: set[Path] = set()
        self._seen: _Seen = self._look()

    async def changes(self) -> AsyncGenerator[frozenset[Path], None]:
        """Yield files that were written, made or deleted since the last ones were yielded.

        The first ones are those since this object was made.
        """
        # Only who develops needs it: a server does not load it.
        from watchfiles import awatch  # noqa: PLC0415  # see above

        while True:
            watched = set(self._folders)
            told = awatch(
                *watched,
                watch_filter=None,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                rust_timeout=LOOK_INTERVAL_MS,
                yield_on_timeout=True,
                recursive=False,
            )
            async with aclosing(told):
                async for _ in told:
                    if changed := self._changed():
                        yield changed
                    if self._folders != watched:
                        break

    def _changed(self) -> frozenset[Path]:
        before, now = self._seen, self._look()
        self._seen = now
        return frozenset(
            path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
        )

    def _look(self) -> _Seen:
        seen: dict[Path, tuple[int, int]] = {}
        self._folders = set()
        for path in self._files():
            try:
                status = path.stat()
            except OSError:  # it has just gone, or leads nowhere
                continue
            seen[path] = (status.st_mtime_ns, status.st_size)
        return seen

    def _files(self) -> Iterator[Path]:
        for path in self._others:
            if path.parent.is_dir():
                self._folders.add(path.parent)
                yield path
        for root in self._roots:
            for folder, below, names in os.walk(root):
                here = Path(folder)
                self._folders.add(here)
                below[:] = [name for name in below if self._is_ours(here / name)]
                for name in names:
                    path = here / name
                    if name.endswith(".py") or self._is_setting(path):
                        yield path

    def _is_ours(self, folder: Path) -> bool:
        return not (
            folder.name.startswith(".")
            or folder.name in _IGNORED
            or folder == self._data_dir
            or (folder / _ENVIRONMENT).exists()
        )

    def _is_setting(self, path: Path) -> bool:
        is_vars = any(path.name == name or path.name.startswith(f"{name}.") for name in VALUES)
        return path in self._config_files or (
            is_vars and any(path.parent == config.parent for config in self._config_files)
        )


def _outermost(folders: Iterable[Path]) -> Sequence[Path]:
    """Return those that lie in none of the others."""
    found = set(folders)
    return sorted(folder for folder in found if found.isdisjoint(folder.parents))
