"""Modules that exist inside a perdure process only: ``workers``, ``js``, ``pyodide`` and theirs.

Nothing of these is installed: a finder on ``sys.meta_path`` makes them for the program that is
being loaded. A module is filled with the public names of those modules of ours that the table
names; so each program has its own ``workers``, with its own ``env``, and all of them the same
classes.
"""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_HERE = __name__.rpartition(".")[0]

Table = Mapping[str, Sequence[str]]

# What a program imports, and where the names in it are from; a module of ours gives those in its
# ``__all__``, and by its ``__getattr__``, if it has one, those that are made when asked for.
SDK_MODULES: Table = {
    "asgi": ("gateway.asgi",),
    "cloudflare_sandbox": ("sdk.sandbox",),
    "workers": (
        "sdk.entrypoints",
        "sdk.messages",
        "sdk.fetch",
        "sdk.blobs",
        "sdk.forms",
        "sdk.transfer",
        "sdk.types",
    ),
    "workers.asgi": ("gateway.asgi",),
    "workers.entrypoints": ("sdk.entrypoints",),
    "workers.rpc": ("sdk.transfer",),
    "workers.types": ("sdk.types",),
    "workers.utils": ("sdk.transfer",),
    "workers.workflows": ("sdk.workflows",),
    "workers.wsgi": ("gateway.wsgi",),
}
# And those that stand for JavaScript, and for Pyodide, which the platform runs Python on.
PLATFORM_MODULES = (
    "_cloudflare_compat_flags",
    "_pyodide_entrypoint_helper",
    "js",
    "pyodide",
    "pyodide.code",
    "pyodide.ffi",
    "pyodide.http",
    "pyodide.webloop",
    "pyodide_js",
)

Fill = Callable[[str, ModuleType], None]
_TOPS = frozenset(name.partition(".")[0] for name in [*SDK_MODULES, *PLATFORM_MODULES])


class ProgramFinder(MetaPathFinder):
    """Finds some modules, unless the program has a file of that name beside ``main``.

    Args:
        names: The modules there are.
        directory: Of ``main``.
        fill: Puts into a new module what belongs there.
    """

    def __init__(self, names: Collection[str], directory: Path, fill: Fill) -> None:
        self._names = names
        self._directory = directory
        self._fill = fill

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What makes ``fullname``; None when that is not for this finder to say."""
        del path, target
        if fullname not in self._names or self._is_programs_own(fullname.partition(".")[0]):
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in self._names)
        loader = _FillingLoader(self._fill)
        return ModuleSpec(fullname, loader, origin="perdure", is_package=is_package)

    def _is_programs_own(self, top: str) -> bool:
        folder = self._directory
        return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()

    def forget(self) -> None:
        """Let the next program have modules of its own."""
        for name in self._names:
            found = sys.modules.get(name)
            if found is not None and is_ours(found):
                del sys.modules[name]


class _FillingLoader(Loader):
    """Fills a module with names of ours."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill

    def exec_module(self, module: ModuleType) -> None:
        self._fill(module.__name__, module)


def filled_from(table: Table, extras: Mapping[str, Mapping[str, Any]]) -> Fill:
    """What fills the modules of a table; ``extras`` are names that this program's have besides."""

    def fill(fullname: str, module: ModuleType) -> None:
        names = {*extras.get(fullname, ())}
        for source in table[fullname]:
            ours = import_module(f"{_HERE}.{source}")
            module.__doc__ = module.__doc__ or ours.__doc__
            names |= {*ours.__all__}
            for name in ours.__all__:
                setattr(module, name, getattr(ours, name))
            if (lazy := vars(ours).get("__getattr__")) is not None:
                vars(module)["__getattr__"] = lazy
        vars(module).update(extras.get(fullname, {}))
        vars(module)["__all__"] = sorted(names)

    return fill


def filled_with(make: Callable[[], Mapping[str, ModuleType]]) -> Fill:
    """What fills modules with all that those of the same names have which ``make`` makes."""
    made: dict[str, ModuleType] = {}

    def fill(fullname: str, module: ModuleType) -> None:
        if not made:
            made.update(make())
        known = vars(made[fullname])
        kept = {name: value for name, value in known.items() if name not in _OF_THE_IMPORT}
        vars(module).update(kept)

    return fill


# What the import system puts into a module.
_OF_THE_IMPORT = frozenset(
    {"__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"}
)


def is_ours(module: ModuleType) -> bool:
    """Whether it was made here, and is not a file of the program's or a package."""
    spec = getattr(module, "__spec__", None)
    return spec is not None and isinstance(spec.loader, _FillingLoader)


class Installed:
    """What ``install`` has done to this process, for who wants it undone."""

    def __init__(self, finders: Sequence[ProgramFinder], paths: Sequence[str]) -> None:
        self._finders = finders
        self._paths = paths

    def remove(self) -> None:
        """Have the process as it was; what the program has imported goes on working."""
        for finder in self._finders:
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            finder.forget()
        self._forget_own_copies()
        for path in self._paths:
            if path in sys.path:
                sys.path.remove(path)

    def _forget_own_copies(self) -> None:
        """Let the next program not get the copy of ``workers`` that this one has brought."""
        if not self._paths:
            return
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if name.partition(".")[0] in _TOPS and file.startswith(tuple(self._paths)):
                del sys.modules[name]


def install(
    directory: Path,
    platform: Callable[[], Mapping[str, ModuleType]],
    *,
    extras: Mapping[str, Mapping[str, Any]] | None = None,
    libraries: Sequence[Path] = (),
    is_first: bool = True,
    has_own_sdk: bool = False,
) -> Installed:
    """Make the modules importable for the program whose ``main`` lies in ``directory``.

    Takes the place of what was installed for an earlier program.

    Args:
        directory: Files in it are found before modules of ours by the same name.
        platform: Makes those of ``PLATFORM_MODULES``, when the first of them is asked for.
        extras: Names that modules of the SDK have for this program alone.
        libraries: Directories with packages of the program's.
        is_first: Whether modules of ours are found before packages that are installed.
        has_own_sdk: ``workers`` is the program's own installed copy, if it has one.
    """
    if _installed:
        _installed.pop().remove()
    first = ProgramFinder(PLATFORM_MODULES, directory, filled_with(platform))
    sdk = ProgramFinder(SDK_MODULES, directory, filled_from(SDK_MODULES, extras or {}))
    for finder in (first, sdk):
        finder.forget()
    front = [first] if has_own_sdk else [first, sdk]
    if is_first:
        sys.meta_path[:0] = front
        sys.meta_path.extend(finder for finder in (first, sdk) if finder not in front)
    else:
        sys.meta_path.extend([first, sdk])
    added = [str(path) for path in libraries if path.is_dir() and str(path) not in sys.path]
    sys.path.extend(added)
    installed = Installed([first, sdk], added)
    _installed.append(installed)
    return installed


# At most one: a process has one program at a time that is being loaded.
_installed: list[Installed] = []
