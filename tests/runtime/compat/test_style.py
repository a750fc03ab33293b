"""Which style a program is written in."""

from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.compat.style import (
    fires_triggers,
    has_own_sdk,
    is_in_workers_style,
    may_have_global_handlers,
)
from perdure.runtime.config.model import WorkerConfig


def config(tmp_path: Path, text: str = "", **said: Any) -> WorkerConfig:
    main = tmp_path / "main.py"
    main.write_text(text)
    return WorkerConfig("app", main, tmp_path / "wrangler.toml", tmp_path, **said)


@pytest.mark.parametrize(
    "text",
    [
        "import workers",
        "import workers.asgi as web",
        "from workers import Response",
        "from workers.workflows import NonRetryableError",
        "try:\n    from workers import Response\nexcept ImportError:\n    Response = None",
        "def later():\n    from workers import env",
    ],
)
def test_a_main_that_imports_workers_is_in_its_style(text: str, tmp_path: Path) -> None:
    assert is_in_workers_style(config(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import perdure",
        "text = 'from workers import Response'",
        "# import workers",
        "from .workers import pool",
        "import co_workers",
        "from my.workers import Response",
        "def broken(:",
    ],
)
def test_any_other_main_is_native(text: str, tmp_path: Path) -> None:
    assert not is_in_workers_style(config(tmp_path, text))


def test_a_main_that_is_not_there_is_native(tmp_path: Path) -> None:
    missing = config(tmp_path)
    missing.main.unlink()
    assert not is_in_workers_style(missing)


@pytest.mark.parametrize("flag", ["python_workers", "python_workers_20250116"])
def test_the_flag_says_so_whatever_main_imports(flag: str, tmp_path: Path) -> None:
    assert is_in_workers_style(config(tmp_path, compatibility_flags=["x", flag]))
    assert not is_in_workers_style(config(tmp_path, compatibility_flags=["python_workflows"]))


@pytest.mark.parametrize(
    ("date", "flags", "may"),
    [
        (None, [], False),
        ("2025-08-13", [], True),
        ("2025-08-14", [], False),
        ("2025-08-13", ["python_no_global_handlers"], False),
        ("2026-01-01", ["disable_python_no_global_handlers"], True),
    ],
)
def test_global_handlers_belong_to_older_dates(
    date: str | None, flags: list[str], may: bool, tmp_path: Path
) -> None:
    said = config(tmp_path, compatibility_date=date, compatibility_flags=flags)
    assert may_have_global_handlers(said) is may


def test_firing_triggers_is_written_out(tmp_path: Path) -> None:
    assert fires_triggers(config(tmp_path, compatibility_flags=["service_binding_extra_handlers"]))
    assert not fires_triggers(config(tmp_path, compatibility_date="2026-09-01"))


def test_a_copy_of_its_own_is_written_out(tmp_path: Path) -> None:
    assert has_own_sdk(config(tmp_path, compatibility_flags=["enable_python_external_sdk"]))
    assert not has_own_sdk(config(tmp_path, compatibility_date="2026-09-01"))
