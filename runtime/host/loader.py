"""Importing a user's program and finding the classes its configuration names.

The directory of ``main`` becomes the first of ``sys.path`` and ``main`` a module under its
own name, as if Python had been started with it, so that siblings, dataclasses and pickle work
as everywhere. When a process loads a second program, modules of the first by the same names
make way: what is already imported keeps working, new imports find the new files.

Programs that are started together share ``sys.modules`` and ``sys.path``. Modules of one name, of
two of them, are two modules when they are imported with ``main``; who imports one later gets that
of the first program.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeGuard, TypeVar

from ...actors.base import DurableObject, WorkerEntrypoint
from ...actors.link import REPLAY, RESTARTS
from ...storage.errors import UsageError
from ..config.errors import Problem, did_you_mean
from ..config.model import DurableObjectBinding, WorkerConfig
from ..config.positions import path_text
from .fresh_source import FreshLoader, compile_anew_below
from .style import NATIVE, Style, always_native

log = logging.getLogger("perdure.server")

Base = TypeVar("Base")

ENTRYPOINT = "Default"
PACKAGE = __name__.partition(".")[0]
OUR_FRAMES = frozenset(
    {__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"}
)
ENTRYPOINT_TEXT = """\
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Hello")"""


class LoadError(UsageError):
    """The program cannot be used as the configuration describes it.

    Attributes:
        problems: Everything that was found, each with its place.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class MainNotFound(LoadError):
    """There is no file where ``main`` points to, or it has a name that cannot be."""


class MainFailed(LoadError):
    """``main`` raised when it was imported; ``__cause__`` is what it raised.

    Attributes:
        traceback: The cause as Python prints it, from the user's first line on.
    """

    def __init__(self, problem: Problem, traceback: str) -> None:
        super().__init__(problem)
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.traceback}"


class ClassesMissing(LoadError):
    """``main`` has no ``Default``, or lacks a class that a binding names."""


@dataclass(frozen=True, slots=True)
class App:
    """A program that can be run.

    Attributes:
        config: What it was loaded for.
        entrypoint: The class ``Default``, which answers what comes from outside.
        classes: The classes that bindings name, by name.
        entrypoints: All entrypoints of ``main``, by name.
        unbound: Its other classes of objects, by name.
        module: ``main``.
        style: How it is spoken to.
    """

    config: WorkerConfig
    entrypoint: type[WorkerEntrypoint]
    classes: Mapping[str, type[DurableObject]]
    entrypoints: Mapping[str, type[WorkerEntrypoint]]
    unbound: Mapping[str, type[DurableObject]]
    module: ModuleType
    style: Style = NATIVE


def load_apps(
    config: WorkerConfig, style_of: Callable[[WorkerConfig], Style] = always_native
) -> Sequence[App]:
    """Import all programs of a start; return that of ``config`` at the front.

    Args:
        config: What to load.
        style_of: Says how a program is spoken to, right before that is imported.

    Raises:
        LoadError: As ``load_app``.
    """
    _forget_earlier_programs()
    # The first comes last: its directory is then the first of sys.path.
    others = [_load(other, config, style_of) for other in config.others]
    return (_load(config, config, style_of), *others)


def load_app(config: WorkerConfig, style: Style = NATIVE) -> App:
    """Import ``main`` of one program and find its classes.

    Raises:
        LoadError: ``main`` is missing, raised when imported, or lacks a class.
    """
    return load_apps(replace(config, others=()), lambda _: style)[0]


def _load(
    config: WorkerConfig, start: WorkerConfig, style_of: Callable[[WorkerConfig], Style]
) -> App:
    style = style_of(config)
    module = _import_main(config, start)
    style.imported(module)
    problems: list[Problem] = []
    entrypoint = _find_entrypoint(config, module, style.entrypoint, problems)
    classes: dict[str, type[DurableObject]] = {}
    for owner in start.programs:
        for index, binding in enumerate(owner.bindings):
            if owner.owner_of(binding) != config.name:
                continue
            entry, base = (owner, index, binding), style.durable_object
            if found := _find_class(config, module, entry, base, problems):
                classes[binding.class_name] = found
    problems += _missing_entrypoints(config, start, module, style.entrypoint)
    if problems or entrypoint is None:
        raise ClassesMissing(*problems)
    entrypoints = _classes_of(module, style.entrypoint)
    unbound = {
        name: found
        for name, found in _classes_of(module, style.durable_object).items()
        if name not in classes and getattr(found, "on_restart", REPLAY) in RESTARTS
    }
    return App(config, entrypoint, classes, entrypoints, unbound, module, style)


def _missing_entrypoints(
    config: WorkerConfig, start: WorkerConfig, module: ModuleType, base: type[Any]
) -> Iterator[Problem]:
    """Yield what is wrong with services of the programs of a start that mean this one."""
    for owner in start.programs:
        for index, service in enumerate(owner.services):
            name = service.entrypoint
            if service.worker != config.name or name is None:
                continue
            found = getattr(module, name, None)
            if is_subclass(found, base):
                continue
            message = (
                f'{config.main.name} has no entrypoint "{name}", which the service '
                f'"{service.name}" names.'
            )
            hint = did_you_mean(name, _names_of(module, base))
            hint = hint or f"Write: class {name}(WorkerEntrypoint):"
            key = path_text(("services", index, "entrypoint"))
            yield Problem(owner.path, key, service.line, None, message, hint)


def _find_entrypoint(
    config: WorkerConfig, module: ModuleType, base: type[Any], problems: list[Problem]
) -> type[WorkerEntrypoint] | None:
    found = getattr(module, ENTRYPOINT, None)
    if is_subclass(found, base):
        return found
    main = config.main.name
    if found is not None:
        message = f"{ENTRYPOINT} in {main} does not derive from WorkerEntrypoint."
        problems.append(Problem(config.main, "", None, None, message, ENTRYPOINT_TEXT))
        return None
    others = _names_of(module, base)
    hint = f"Rename {others[0]} to {ENTRYPOINT}." if len(others) == 1 else ""
    message = f"{main} has no class {ENTRYPOINT}, which answers requests."
    hint = hint or f"Add one:\n{ENTRYPOINT_TEXT}"
    problems.append(Problem(config.main, "", None, None, message, hint))
    return None


def _find_class(
    config: WorkerConfig,
    module: ModuleType,
    entry: tuple[WorkerConfig, int, DurableObjectBinding],
    base: type[Any],
    problems: list[Problem],
) -> type[DurableObject] | None:
    owner, index, binding = entry
    name, main = binding.class_name, config.main.name
    found = getattr(module, name, None)
    if is_subclass(found, base):
        on_restart = getattr(found, "on_restart", DurableObject.on_restart)
        if on_restart in RESTARTS:
            return found
        message = f"{name}.on_restart in {main} is {on_restart!r}."
        hint = f"It may be {', '.join(map(repr, RESTARTS))}."
    elif found is None:
        candidates = _names_of(module, base)
        message = f'{main} has no class "{name}", which the binding "{binding.name}" names.'
        hint = did_you_mean(name, candidates)
        if not hint and candidates:
            hint = f"It has {', '.join(candidates)}."
    elif found is base:
        message = f'"{name}" is the base of such classes, not one itself.'
        hint = "Name a class of your own, which derives from it."
    elif isinstance(found, type):
        message = f'The class "{name}" in {main} does not derive from DurableObject.'
        hint = f"Write: class {name}(DurableObject):"
    else:
        message = f'"{name}" in {main} is not a class but a {type(found).__name__}.'
        hint = f"Write: class {name}(DurableObject):"
    key = path_text(("durable_objects", "bindings", index, "class_name"))
    problems.append(Problem(owner.path, key, binding.line, None, message, hint))
    return None


def _import_main(config: WorkerConfig, start: WorkerConfig) -> ModuleType:
    path = config.main.resolve()
    if refusal := _refusal_of(path):
        message, hint = refusal
        raise MainNotFound(Problem(config.path, "main", config.main_line, None, message, hint))
    directory = str(path.parent)
    if any(other.main.resolve().parent == path.parent for other in _loaded_before(config, start)):
        sys.modules.pop(path.stem, None)  # they share all other modules
    else:
        _make_way(path.parent, {program.main.stem for program in start.programs})
        _programs[directory] = frozenset(_modules_from({directory}))
    before = list(sys.path)
    sys.path[:] = [directory, *(entry for entry in before if entry != directory)]
    try:
        return _run(path)
    except (Exception, SystemExit) as error:
        sys.path[:] = before
        error.__traceback__ = _from_user_code(error.__traceback__)
        line = _line_within(path, error)
        message = f"{config.main.name} raised {type(error).__name__} when it was imported."
        text = "".join(traceback.format_exception(error)).rstrip("\n")
        raise MainFailed(Problem(path, "", line, None, message), text) from error


def _refusal_of(path: Path) -> tuple[str, str] | None:
    """Return why a file cannot be ``main``, and what to do; None when it can."""
    name = path.stem
    if not path.is_file():
        slip = did_you_mean(path.name, (p.name for p in path.parent.glob("*.py")))
        what = "There is a directory" if path.is_dir() else "There is no file"
        return f"{what} {path}, which main points to.", slip
    if name in {"__init__", "__main__"}:
        return f"main cannot be {path.name}.", "Point it at a file with a name of its own."
    if name in sys.stdlib_module_names or name == PACKAGE:
        owner = "perdure's own" if name == PACKAGE else "a module of Python's own"
        message = f"{path.name} would take the place of {name}, {owner}."
        return message, "Give the file another name, for instance main.py."
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if loaded is not None and not _is_of_a_program(name):
        message = f"{path.name} would take the place of the loaded module {name} ({origin})."
        free = "worker.py" if name == "main" else "main.py"
        return message, f"Give the file another name, for instance {free}."
    return None


def _run(path: Path) -> ModuleType:
    compile_anew_below(path.parent)
    spec = spec_from_file_location(path.stem, path, loader=FreshLoader(path.stem, str(path)))
    assert spec is not None, "a .py file always has a loader"
    assert spec.loader is not None, "a .py file always has a loader"
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(path.stem, None)
        raise
    return module


# Directory of each program loaded by this process: what was imported from it before.
_programs: dict[str, frozenset[str]] = {}


def _forget_earlier_programs() -> None:
    for name in _modules_of_programs():
        del sys.modules[name]


def _loaded_before(config: WorkerConfig, start: WorkerConfig) -> Sequence[WorkerConfig]:
    """Return the programs of a start that are loaded before one of them."""
    order = (*start.others, start)
    return order[: next(at for at, each in enumerate(order) if each is config)]


def _make_way(directory: Path, mains: Collection[str]) -> None:
    """Forget modules of programs whose names are those of files in ``directory``.

    It is told of, but not of ``mains``: their names are often the same, and nobody imports them.
    """
    forgotten = set()
    for name in _modules_of_programs():
        top = name.partition(".")[0]
        if (directory / f"{top}.py").exists() or (directory / top).is_dir():
            forgotten.add(top)
            del sys.modules[name]
    if told := sorted(forgotten.difference(mains)):
        log.info("program.modules_of_one_name", extra={"modules": told})


def _is_of_a_program(name: str) -> bool:
    """Tell whether a module is a file of a program loaded here, and not one of its libraries.

    A program's directory may hold its virtual environment, so lying below it says nothing: the
    file of the top-level module must lie right in it, where ``sys.path`` finds it.
    """
    directory = _directory_of(sys.modules.get(name.partition(".")[0]))
    return directory in _programs and name not in _programs[directory]


def _modules_of_programs() -> Sequence[str]:
    """Return the names of all modules of which that is so."""
    return [name for name in _modules_from(_programs) if _is_of_a_program(name)]


def _modules_from(directories: Container[str]) -> Sequence[str]:
    """Return the modules that were found right in one of some directories, with their own.

    Each start of a program asks, and there are thousands of modules: only those at the top are
    looked at.
    """
    loaded = list(sys.modules.items())
    tops = {
        name for name, module in loaded if "." not in name and _directory_of(module) in directories
    }
    return [name for name, _ in loaded if name.partition(".")[0] in tops] if tops else []


def _directory_of(module: ModuleType | None) -> str | None:
    """Return the directory in which a top-level module was found; None for one without a file."""
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    directory, _, file_name = file.rpartition("/")  # Path takes many times as long
    if file_name.startswith("__init__."):
        directory = directory.rpartition("/")[0]
    return str(directory)


def _from_user_code(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames in front that are ours and importlib's."""
    while trace and trace.tb_frame.f_code.co_filename in OUR_FRAMES:
        trace = trace.tb_next
    return trace


def _line_within(path: Path, error: BaseException) -> int | None:
    """Return the line of ``main`` at which the import failed."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return lines[-1] if lines else None


def is_subclass(found: object, base: type[Base]) -> TypeGuard[type[Base]]:
    """Tell whether something is a class made from ``base``, which is not ``base`` itself."""
    return isinstance(found, type) and issubclass(found, base) and found is not base


def _names_of(module: ModuleType, base: type) -> Sequence[str]:
    return list(_classes_of(module, base))


def _classes_of(module: ModuleType, base: type[Base]) -> dict[str, type[Base]]:
    return {name: value for name, value in vars(module).items() if is_subclass(value, base)}
