"""``perdure types``."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Invoke = Callable[..., Result]


def test_it_writes_beside_main_and_then_has_nothing_to_do(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.toml"
    first = invoke("types", "-c", config)
    assert first.exit_code == 0
    assert "perdure_env.py: class Env." in first.stderr
    assert "class Env:" in (project / "src" / "perdure_env.py").read_text()
    assert "is up to date." in invoke("types", "-c", config).stderr


def test_check_tells_and_writes_nothing(invoke: Invoke, project: Path) -> None:
    config, main = project / "wrangler.toml", project / "src" / "main.py"
    missing = invoke("types", "--check", "-c", config)
    assert (missing.exit_code, "is missing" in missing.stderr) == (1, True)
    assert not (project / "src" / "perdure_env.py").exists()
    invoke("types", "-c", config)
    assert invoke("types", "--check", "-c", config).exit_code == 0
    main.write_text(main.read_text() + "\n    async def join(self, name):\n        return name\n")
    old = invoke("types", "--check", "-c", config)
    assert (old.exit_code, "is out of date" in old.stderr) == (1, True)
    assert "join" not in (project / "src" / "perdure_env.py").read_text()


def test_the_program_may_import_what_is_not_written_yet(invoke: Invoke, project: Path) -> None:
    main = project / "src" / "main.py"
    main.write_text("from described import Env\n" + main.read_text())
    file = project / "src" / "described.py"
    result = invoke("types", "-c", project / "wrangler.toml", "-o", file)
    assert result.exit_code == 0
    assert "class Env:" in file.read_text()


def test_a_program_that_cannot_be_imported_is_told_of(invoke: Invoke, project: Path) -> None:
    (project / "src" / "main.py").write_text("import nothing_of_the_kind\n")
    result = invoke("types", "-c", project / "wrangler.toml")
    assert result.exit_code == 2
    assert "nothing_of_the_kind" in result.stderr


def test_names_that_python_does_not_know_are_left_out(invoke: Invoke, project: Path) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text() + '\n[vars]\n"a-b" = "c"\n')
    result = invoke("types", "-c", config)
    assert "'a-b', which is no name in Python" in result.stderr
    assert "a-b" not in (project / "src" / "perdure_env.py").read_text()


def test_programs_for_workers_are_described_too(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "entry.py").write_text(
        "from workers import DurableObject, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint): ...\n"
        "class Room(DurableObject):\n    async def enter(self, who): ...\n"
    )
    (tmp_path / "wrangler.jsonc").write_text(
        '{"name": "app", "main": "entry.py", "durable_objects": {"bindings": [{"name": "ROOM", '
        '"class_name": "Room"}]}, "migrations": [{"tag": "v1", "new_sqlite_classes": ["Room"]}]}'
    )
    result = invoke("types", "-c", tmp_path / "wrangler.jsonc")
    assert result.exit_code == 0, result.output
    assert "enter = remote(Room.enter)" in (tmp_path / "perdure_env.py").read_text()
