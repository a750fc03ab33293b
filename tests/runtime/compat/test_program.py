"""Loading programs of both styles, from files as they lie in a project."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.compat import finder
from perdure.runtime.compat.program import WorkersStyle, load_programs
from perdure.runtime.config.load import load
from perdure.runtime.host.loader import App, LoadError
from perdure.runtime.host.style import NATIVE
from perdure.runtime.host.unserved import BindingUnavailable


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    path = list(sys.path)
    yield
    while finder._installed:
        finder._installed.pop().remove()
    sys.path[:] = path


def project(folder: Path, main: str, toml: str = "", **files: str) -> App:
    (folder / "src").mkdir()
    (folder / "src" / "entry.py").write_text(main)
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(f"{path.name}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / "wrangler.toml").write_text(f'name = "app"\nmain = "src/entry.py"\n{toml}')
    return load_programs(load(folder / "wrangler.toml").config)[0]


WORKERS = """
from workers import WorkerEntrypoint, env
class Default(WorkerEntrypoint):
    env_at_import = env
"""


def test_a_program_in_workers_style_has_that_style(tmp_path: Path) -> None:
    app = project(tmp_path, WORKERS)
    assert isinstance(app.style, WorkersStyle)
    assert vars(app.entrypoint)["env_at_import"] is app.style.env


TOML_OF_A_ROOM = """
[vars]
GREETING = "hello"
[[kv_namespaces]]
binding = "CACHE"
id = "0"
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""


def test_while_it_is_imported_it_can_read_vars_and_keep_bindings(tmp_path: Path) -> None:
    main = """
from workers import WorkerEntrypoint, DurableObject, env
greeting, rooms, cache = env.GREETING, env.ROOM, env.CACHE
class Room(DurableObject): pass
class Default(WorkerEntrypoint): pass
"""
    module = project(tmp_path, main, TOML_OF_A_ROOM).module
    assert module.greeting == "hello"
    assert module.rooms.constructor.name == "DurableObjectNamespace"
    with pytest.raises(BindingUnavailable, match="CACHE is not available on perdure"):
        module.cache.get("key")


def test_while_it_is_imported_bindings_are_not_used(tmp_path: Path) -> None:
    main = """
from workers import WorkerEntrypoint, DurableObject, env
class Room(DurableObject): pass
class Default(WorkerEntrypoint):
    room = env.ROOM.getByName("one")
"""
    said = r"Disallowed operation called within global scope.*env\.ROOM can be kept"
    with pytest.raises(LoadError, match=said):
        project(tmp_path, main, TOML_OF_A_ROOM)


def test_a_native_one_has_none(tmp_path: Path) -> None:
    main = "from perdure import WorkerEntrypoint\nclass Default(WorkerEntrypoint): pass"
    assert project(tmp_path, main).style is NATIVE


def test_modules_of_the_platform_are_there_while_it_is_imported(tmp_path: Path) -> None:
    main = """
import js, pyodide, pyodide.ffi, pyodide.http, pyodide.webloop, pyodide.code
import workers.types, workers.rpc, workers.utils, workers.entrypoints
from workers.workflows import NonRetryableError
from _cloudflare_compat_flags import python_no_global_handlers, my_flag, other_flag
from _pyodide_entrypoint_helper import cloudflareWorkersModule
assert python_no_global_handlers and my_flag and not other_flag
assert js.Object is js.globalThis.Object
assert pyodide.__version__
try:
    from js import nothing
except ImportError:
    nothing = None
assert cloudflareWorkersModule.env is workers.env
class Default(workers.WorkerEntrypoint): pass
"""
    project(tmp_path, main, toml='compatibility_flags = ["my_flag"]')


def test_siblings_and_vendored_packages_are_found(tmp_path: Path) -> None:
    main = """
from workers import WorkerEntrypoint
from pathlib import Path
import sibling, vendored
assert sibling.value + vendored.value == 3
assert (Path(__file__).parent / "sibling.py").read_text() == "value = 1"
class Default(WorkerEntrypoint): pass
"""
    files = {"src__sibling": "value = 1", "python_modules__vendored": "value = 2"}
    project(tmp_path, main, **files)


def test_classes_may_be_imported_into_main(tmp_path: Path) -> None:
    main = "from objects import *\nfrom workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint): pass"
    objects = (
        "from workers import DurableObject\n__all__ = ['Room']\nclass Room(DurableObject): pass"
    )
    toml = """
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
    assert set(project(tmp_path, main, toml, src__objects=objects).classes) == {"Room"}


GLOBALS = "from js import Response\nasync def on_fetch(request, env):\n    return Response.new('x')"
FLAG = 'compatibility_flags = ["python_workers"]\n'


def test_functions_of_main_are_its_entrypoint_under_an_old_date(tmp_path: Path) -> None:
    app = project(tmp_path, GLOBALS, f'{FLAG}compatibility_date = "2025-01-01"')
    assert app.entrypoint.__name__ == "GlobalHandlers"


def test_under_a_newer_date_they_are_not(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="has no class Default"):
        project(tmp_path, GLOBALS, f'{FLAG}compatibility_date = "2026-01-01"')


def test_a_library_that_shadows_ours_is_ignored_unless_the_program_says_so(tmp_path: Path) -> None:
    vendored = "from perdure import WorkerEntrypoint\nwhose = 'its own'"
    main = "import workers\nclass Default(workers.WorkerEntrypoint):\n    whose = getattr(workers, 'whose', 'ours')"
    (tmp_path / "a").mkdir()
    app = project(tmp_path / "a", main, python_modules__workers=vendored)
    assert vars(app.entrypoint)["whose"] == "ours"
    (tmp_path / "b").mkdir()
    flag = 'compatibility_flags = ["enable_python_external_sdk"]'
    app = project(tmp_path / "b", main, flag, python_modules__workers=vendored)
    assert vars(app.entrypoint)["whose"] == "its own"
