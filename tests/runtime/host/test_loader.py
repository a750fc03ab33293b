"""Importing a program: what is found, and what is said when it is not."""

import dataclasses
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.runtime.config.model import DurableObjectBinding, ServiceBinding, WorkerConfig
from perdure.runtime.host import loader
from perdure.runtime.host.loader import (
    App,
    ClassesMissing,
    LoadError,
    MainFailed,
    MainNotFound,
    load_app,
    load_apps,
)
from perdure.storage.errors import UsageError

IMPORT = "from perdure.actors.base import DurableObject, WorkerEntrypoint\n"
DEFAULT = IMPORT + "class Default(WorkerEntrypoint): ...\n"
ROOM = DEFAULT + "class Room(DurableObject): ...\n"


@pytest.fixture(autouse=True)
def imports() -> Iterator[None]:
    """Begin without the programs of earlier tests, and leave nothing of these."""
    loader._forget_earlier_programs()
    loader._programs.clear()
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    loader._programs.clear()


def config(main: Path, *classes: str) -> WorkerConfig:
    bindings = [
        DurableObjectBinding(name.upper(), name, line=10 + i) for i, name in enumerate(classes)
    ]
    path = main.parent / "wrangler.toml"
    return WorkerConfig("chat", main, path, main.parent, main_line=2, bindings=bindings)


def write(directory: Path, text: str, name: str = "main.py") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text)
    return directory / name


def load(directory: Path, text: str, *classes: str) -> App:
    return load_app(config(write(directory, text), *classes))


def test_the_classes_that_bindings_name_are_found(tmp_path: Path) -> None:
    app = load(tmp_path, ROOM + "class Unbound(DurableObject): ...\n", "Room")
    assert app.entrypoint.__name__ == "Default"
    assert issubclass(app.entrypoint, WorkerEntrypoint)
    assert list(app.classes) == ["Room"]
    assert issubclass(app.classes["Room"], DurableObject)
    assert app.module.__name__ == "main"


def test_siblings_and_packages_beside_main_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, IMPORT + "class Room(DurableObject): ...\n", "rooms.py")
    write(tmp_path / "parts", "VALUE = 1\n", "__init__.py")
    write(tmp_path / "parts", "from . import VALUE\n", "inner.py")
    app = load(
        tmp_path, DEFAULT + "from rooms import Room\nfrom parts.inner import VALUE\n", "Room"
    )
    assert app.classes["Room"].__module__ == "rooms"
    assert sys.path[0] == str(tmp_path.resolve())


def test_main_is_a_module_like_any_other(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nimport dataclasses\nimport typing\n" + DEFAULT
    text += "@dataclasses.dataclass\nclass Point:\n    x: int\n    y: typing.ClassVar[int] = 1\n"
    module = load(tmp_path, text).module
    assert sys.modules["main"] is module
    point = module.Point(3)
    assert [field.name for field in dataclasses.fields(point)] == ["x"]
    assert pickle.loads(pickle.dumps(point)) == point


def test_a_sibling_may_import_main(tmp_path: Path) -> None:
    write(tmp_path, "def late():\n    import main\n    return main\n", "sibling.py")
    module = load(tmp_path, DEFAULT + "import sibling\n").module
    assert module.sibling.late() is module


def test_a_second_program_has_its_own_modules(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, f"NAME = {name!r}\n", "sibling.py")
        write(tmp_path / name, f"NAME = {name!r}\n", "lazy.py")
    text = DEFAULT + "import sibling\ndef lazy():\n    import lazy\n    return lazy.NAME\n"
    first = load(tmp_path / "a", text)
    assert first.module.lazy() == "a"
    second = load(tmp_path / "b", text)
    assert (first.module.sibling.NAME, second.module.sibling.NAME) == ("a", "b")
    assert second.module.lazy() == "b"
    assert sys.modules["main"] is second.module


def test_the_same_program_is_loaded_afresh(tmp_path: Path) -> None:
    first = load(tmp_path, DEFAULT + "A = 1\n")
    second = load(tmp_path, DEFAULT + "A = 1\n")
    assert first.module is not second.module
    assert sys.path.count(str(tmp_path.resolve())) == 1


def test_libraries_beside_main_are_not_forgotten(tmp_path: Path) -> None:
    write(tmp_path / "env" / "lib", "COUNT = []\n", "borrowed.py")
    text = DEFAULT + "import sys\nsys.path.append({!r})\nimport borrowed\n"
    text = text.format(str(tmp_path / "env" / "lib"))
    first = load(tmp_path, text)
    assert load(tmp_path, text).module.borrowed is first.module.borrowed


def refusal(main: Path, *classes: str) -> LoadError:
    path = list(sys.path)
    with pytest.raises(LoadError) as raised:
        load_app(config(main, *classes))
    assert isinstance(raised.value, UsageError)
    if not isinstance(raised.value, ClassesMissing):
        assert sys.path == path
        assert not hasattr(sys.modules.get(main.stem), "Default")
    return raised.value


def test_a_main_that_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "", "mian.py")
    error = refusal(tmp_path / "main.py")
    assert isinstance(error, MainNotFound)
    (problem,) = error.problems
    assert problem.message == (
        f"There is no file {tmp_path.resolve() / 'main.py'}, which main points to."
    )
    assert problem.hint == 'Did you mean "mian.py"?'
    assert (problem.file, problem.key_path, problem.line) == (
        tmp_path / "wrangler.toml",
        "main",
        2,
    )


def test_a_main_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "main.py").mkdir()
    (problem,) = refusal(tmp_path / "main.py").problems
    assert problem.message.startswith("There is a directory ")


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_a_main_without_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    (problem,) = refusal(write(tmp_path, DEFAULT, name)).problems
    assert problem.message == f"main cannot be {name}."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("json.py", "json.py would take the place of json, a module of Python's own."),
        ("perdure.py", "perdure.py would take the place of perdure, perdure's own."),
    ],
)
def test_a_main_that_would_hide_a_module(tmp_path: Path, name: str, message: str) -> None:
    (problem,) = refusal(write(tmp_path, DEFAULT, name)).problems
    assert problem.message == message
    assert problem.hint == "Give the file another name, for instance main.py."


def test_a_main_of_the_name_of_a_module_that_the_server_was_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where ``uvicorn main:app`` runs a file that mounts a program called main.py."""
    started = ModuleType("main")
    started.__file__ = "/srv/main.py"
    monkeypatch.setitem(sys.modules, "main", started)
    (problem,) = refusal(write(tmp_path, DEFAULT, "main.py")).problems
    assert "the loaded module main (/srv/main.py)" in problem.message
    assert problem.hint == "Give the file another name, for instance worker.py."


def test_a_main_that_would_replace_an_imported_library(tmp_path: Path) -> None:
    main = write(tmp_path, DEFAULT, "pytest.py")
    (problem,) = refusal(main).problems
    assert problem.message == (
        f"pytest.py would take the place of the loaded module pytest ({pytest.__file__})."
    )
    assert problem.hint == "Give the file another name, for instance main.py."
    assert sys.modules["pytest"] is pytest


def test_an_exception_keeps_the_users_frames_only(tmp_path: Path) -> None:
    write(tmp_path, "def divide():\n    return 1 / 0\n", "sums.py")
    main = write(tmp_path, DEFAULT + "from sums import divide\ndivide()\n")
    error = refusal(main)
    assert isinstance(error, MainFailed)
    assert isinstance(error.__cause__, ZeroDivisionError)
    (problem,) = error.problems
    assert problem.message == "main.py raised ZeroDivisionError when it was imported."
    assert (problem.file, problem.line) == (main.resolve(), 4)
    lines = error.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{main.resolve()}", line 4, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "loader.py" not in error.traceback
    assert "importlib" not in error.traceback
    assert error.traceback in str(error)


def test_a_syntax_error_is_shown_at_its_line(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, DEFAULT + "def broken(:\n"))
    assert isinstance(error, MainFailed)
    assert error.problems[0].line == 3
    assert "def broken(:" in error.traceback
    assert "Traceback" not in error.traceback


def test_a_missing_library_is_an_exception_like_others(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "import no_such_library_at_all\n"))
    assert isinstance(error.__cause__, ModuleNotFoundError)
    assert error.problems[0].line == 1


def test_a_main_that_exits_does_not_end_the_server(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "raise SystemExit(3)\n"))
    assert isinstance(error.__cause__, SystemExit)


def test_an_interrupt_is_not_swallowed(tmp_path: Path) -> None:
    main = write(tmp_path, "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_app(config(main))
    assert "main" not in sys.modules


def test_a_class_that_is_missing(tmp_path: Path) -> None:
    (problem,) = refusal(write(tmp_path, ROOM), "Rom").problems
    assert problem.message == 'main.py has no class "Rom", which the binding "ROM" names.'
    assert problem.hint == 'Did you mean "Room"?'
    assert problem.file == tmp_path / "wrangler.toml"
    assert (problem.key_path, problem.line) == ("durable_objects.bindings[0].class_name", 10)


def test_a_class_that_nothing_resembles(tmp_path: Path) -> None:
    (problem,) = refusal(write(tmp_path, ROOM), "Zebra").problems
    assert problem.hint == "It has Room."


def test_a_class_of_another_kind(tmp_path: Path) -> None:
    text = DEFAULT + "class Room: ...\ndef Hall(): ...\n"
    first, second, third = refusal(write(tmp_path, text), "Room", "Hall", "DurableObject").problems
    assert first.message == 'The class "Room" in main.py does not derive from DurableObject.'
    assert first.hint == "Write: class Room(DurableObject):"
    assert second.message == '"Hall" in main.py is not a class but a function.'
    assert third.message == '"DurableObject" is the base of such classes, not one itself.'
    assert third.line == 12


def test_a_class_says_what_becomes_of_its_sockets(tmp_path: Path) -> None:
    text = DEFAULT + "class Room(DurableObject):\n    on_restart = 'replay-first'\n"
    (problem,) = refusal(write(tmp_path, text), "Room").problems
    assert problem.message == "Room.on_restart in main.py is 'replay-first'."
    assert problem.hint == "It may be 'replay', 'replay_first', 'close'."


def test_a_default_that_is_missing(tmp_path: Path) -> None:
    (problem,) = refusal(write(tmp_path, IMPORT)).problems
    assert problem.message == "main.py has no class Default, which answers requests."
    assert problem.hint.startswith("Add one:\nclass Default(WorkerEntrypoint):")
    assert problem.file == tmp_path / "main.py"


def test_a_default_under_another_name(tmp_path: Path) -> None:
    main = write(tmp_path, IMPORT + "class Main(WorkerEntrypoint): ...\n")
    (problem,) = refusal(main).problems
    assert problem.hint == "Rename Main to Default."


def test_a_default_that_is_no_entrypoint(tmp_path: Path) -> None:
    (problem,) = refusal(write(tmp_path, "class Default: ...\n")).problems
    assert problem.message == "Default in main.py does not derive from WorkerEntrypoint."


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, IMPORT), "Room", "Hall")
    assert isinstance(error, ClassesMissing)
    assert [problem.line for problem in error.problems] == [None, 10, 11]
    assert str(error) == "\n".join(str(problem) for problem in error.problems)


def together(*programs: WorkerConfig) -> WorkerConfig:
    return replace(programs[0], others=programs[1:])


def named(name: str, main: Path, *bindings: DurableObjectBinding) -> WorkerConfig:
    return replace(config(main), name=name, bindings=bindings)


def test_programs_of_one_start_have_the_classes_that_any_of_them_binds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "perdure.server")
    room = DurableObjectBinding("ROOM", "Room", "hall")
    first = named("chat", write(tmp_path / "a", DEFAULT), room)
    second = named("hall", write(tmp_path / "b", ROOM))
    apps = load_apps(together(first, second))
    assert [app.config.name for app in apps] == ["chat", "hall"]
    assert [list(app.classes) for app in apps] == [[], ["Room"]]
    assert not caplog.records, "that both have a main.py is nothing to tell"
    assert apps[1].classes["Room"].__module__ == "main"
    assert apps[0].module is not apps[1].module


def test_programs_of_one_start_keep_their_modules_of_one_name_apart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, f"NAME = {name!r}\n", "sibling.py")
    write(tmp_path / "a", "NAME = 'of a'\n", "own.py")
    text = DEFAULT + "import sibling\n"
    first = named("chat", write(tmp_path / "a", text + "import own\n", "one.py"))
    second = named("hall", write(tmp_path / "b", text, "two.py"))
    with caplog.at_level("INFO", "perdure.server"):
        apps = load_apps(together(first, second))
    assert [app.module.sibling.NAME for app in apps] == ["a", "b"]
    assert [record.modules for record in caplog.records if hasattr(record, "modules")] == [
        ["sibling"]
    ]
    assert sys.path[0] == str((tmp_path / "a").resolve())
    assert sys.modules["two"] is apps[1].module, "modules of other names stay"


def test_programs_of_one_folder_share_their_modules(tmp_path: Path) -> None:
    write(tmp_path, "SEEN = []\n", "sibling.py")
    text = DEFAULT + "import sibling\n"
    first = named("chat", write(tmp_path, text, "one.py"))
    second = named("hall", write(tmp_path, text, "two.py"))
    apps = load_apps(together(first, second))
    assert apps[0].module.sibling is apps[1].module.sibling
    again = load_apps(together(first, second))
    assert again[0].module.sibling is not apps[0].module.sibling, "another start begins afresh"


def test_a_class_that_another_program_lacks_is_told_where_it_is_bound(tmp_path: Path) -> None:
    room = DurableObjectBinding("ROOM", "Room", "hall", line=7)
    first = named("chat", write(tmp_path / "a", DEFAULT), room)
    second = named("hall", write(tmp_path / "b", DEFAULT, "hall.py"))
    with pytest.raises(ClassesMissing) as raised:
        load_apps(together(first, second))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == (first.path, 7)
    assert problem.message == 'hall.py has no class "Room", which the binding "ROOM" names.'


def test_entrypoints_that_services_name_are_found(tmp_path: Path) -> None:
    text = DEFAULT + "class Admin(WorkerEntrypoint): ...\n"
    service = ServiceBinding("ADMIN", "hall", entrypoint="Admin")
    first = replace(named("chat", write(tmp_path / "a", DEFAULT)), services=[service])
    apps = load_apps(together(first, named("hall", write(tmp_path / "b", text, "hall.py"))))
    assert [sorted(app.entrypoints) for app in apps] == [["Default"], ["Admin", "Default"]]


def test_classes_without_a_binding_are_found_beside_those_with_one(tmp_path: Path) -> None:
    text = ROOM + "class Hall(DurableObject): ...\nclass Bad(DurableObject):\n    on_restart = 1\n"
    app = load(tmp_path, text, "Room")
    assert (list(app.classes), list(app.unbound)) == (["Room"], ["Hall"])


def test_an_entrypoint_that_is_missing_is_told_where_it_is_bound(tmp_path: Path) -> None:
    text = DEFAULT + "class Admin(WorkerEntrypoint): ...\n"
    service = ServiceBinding("ADMIN", "chat", entrypoint="Admim", line=5)
    with pytest.raises(ClassesMissing) as raised:
        load_apps(replace(named("chat", write(tmp_path, text)), services=[service]))
    (problem,) = raised.value.problems
    assert problem.line == 5
    assert problem.message == (
        'main.py has no entrypoint "Admim", which the service "ADMIN" names.'
    )
    assert problem.hint == 'Did you mean "Admin"?'
