"""docs/workers-compatibility.md says of each name what becomes of it; here it is held to that."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure.runtime.compat import finder
from perdure.runtime.compat.finder import install
from perdure.runtime.compat.js.errors import NotAvailable
from perdure.runtime.compat.program import WorkersStyle, _platform_modules
from perdure.runtime.config.model import WorkerConfig

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/workers-compatibility.md"
# Tops of packages have their submodules as names besides.
LISTED = [
    *("workers", "js", "pyodide", "pyodide.code", "pyodide.ffi", "pyodide.http"),
    *("pyodide.webloop", "asgi", "workers.wsgi", "workers.workflows", "cloudflare_sandbox"),
]


def rows(module: str) -> dict[str, tuple[str, str]]:
    section = PAGE.read_text().split(f"\n### `{module}`\n", 1)[1].split("\n### ", 1)[0]
    found = re.findall(r"^\| `([^`]+)` \| (\w+) \| ?(.*?) ?\|$", section, flags=re.MULTILINE)
    return {name: (state, note) for name, state, note in found}


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Any]:
    config = WorkerConfig("app", tmp_path / "main.py", tmp_path / "wrangler.toml", tmp_path)
    style = WorkersStyle(config)
    installed = install(
        tmp_path, lambda: _platform_modules(config, style.env), extras={"workers": style.names}
    )
    yield importlib.import_module
    installed.remove()
    assert finder._installed.pop() is installed


def names_of(module: ModuleType) -> set[str]:
    if module.__name__ == "pyodide":
        return {"__version__", "code", "ffi", "http", "webloop"}
    return set(module.__all__)


@pytest.mark.parametrize("name", LISTED)
def test_a_table_has_each_name_of_its_module_and_no_other(name: str, modules: Any) -> None:
    module = modules(name)
    assert set(rows(name)) == names_of(module)
    assert [each for each in rows(name) if not hasattr(module, each)] == []


@pytest.mark.parametrize("name", LISTED)
def test_each_row_says_what_becomes_of_the_name(name: str) -> None:
    for each, (state, note) in rows(name).items():
        assert state in {"works", "differs", "absent"}, each
        assert state == "works" or note, f"{each}: say how, or what instead"


def test_what_is_absent_says_so_when_it_is_used(modules: Any) -> None:
    js = modules("js")
    absent = {each for each, (state, _) in rows("js").items() if state == "absent"}
    assert absent
    for each in names_of(js):
        thing = getattr(js, each)
        if each in absent:
            with pytest.raises(NotAvailable, match="is not available on perdure"):
                thing()
        else:
            assert type(thing).__name__ != "Absent"


def test_the_platforms_spelling_stays_in_its_folder() -> None:
    """``actors`` and ``storage`` name nothing in camelCase."""
    camel = re.compile(
        r"\b(?:def|class)\s+([a-z]+[A-Z]\w*)|^\s*(?:self\.)?([a-z]+[A-Z]\w*)\s*[:=]", re.MULTILINE
    )
    found = [
        (str(path.relative_to(ROOT)), match[0])
        for folder in ("actors", "storage")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for match in camel.finditer(path.read_text())
    ]
    assert found == []
