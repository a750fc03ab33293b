"""Modules of a user's program, from their sources alone.

Python keeps what it has compiled beside a module, and takes it for the module's as long as the
file's size and its time of change, in whole seconds, are the same. Whoever saves twice in one
second, and only changes a digit, would be served the older text. What lies in the program's own
directory, and in its packages, is compiled anew by each process; libraries are as everywhere.
"""

import sys
from collections.abc import Mapping
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

# A program's directory may hold its virtual environment.
_LIBRARIES = "site-packages"


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, whatever was compiled before."""

    def path_stats(self, path: str) -> Mapping[str, object]:
        """Say that nothing is known of the file by which one could tell something compiled.

        Not ``get_code``: a frame of ours would stand in each traceback of an import that failed.
        """
        raise OSError(f"what was compiled of {path} is not asked for")


class _Finders:
    """The programs' directories, which ``sys.path_hooks`` asks this about."""

    def __init__(self) -> None:
        self._directories: set[str] = set()

    def add(self, directory: str) -> None:
        if self not in sys.path_hooks:
            sys.path_hooks.insert(0, self)
        self._directories.add(directory)
        below = directory + "/"
        for path in list(sys.path_importer_cache):
            if path == directory or path.startswith(below):
                del sys.path_importer_cache[path]

    def __call__(self, path: str) -> FileFinder:
        """Return what finds modules in ``path``.

        Raises:
            ImportError: It is no program's; somebody else knows.
        """
        if not self._has(Path(path)):
            raise ImportError(path=path)
        return FileFinder(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (FreshLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    def _has(self, path: Path) -> bool:
        if _LIBRARIES in path.parts:
            return False
        return any(str(one) in self._directories for one in (path, *path.parents))


_finders = _Finders()


def compile_anew_below(directory: Path) -> None:
    """Have modules in ``directory``, and in packages there, compiled by each process."""
    _finders.add(str(directory))
