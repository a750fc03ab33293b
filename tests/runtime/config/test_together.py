"""Workers that are started together, from their configurations."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.errors import ConfigError, Problem
from perdure.runtime.config.together import load_together

ROOM_OF_HALL = """
    [[durable_objects.bindings]]
    name = "ROOM"
    class_name = "Room"
    script_name = "hall"
"""
HALL_SERVICE = """
    [[services]]
    binding = "HALL"
    service = "hall"
"""


def write(directory: Path, name: str, text: str = "") -> Path:
    folder = directory / name
    folder.mkdir(exist_ok=True)
    path = folder / "wrangler.toml"
    path.write_text(f'name = "{name}"\nmain = "main.py"\n{text}')
    return path


def refusal(*paths: Path, **options: str) -> Sequence[Problem]:
    with pytest.raises(ConfigError) as raised:
        load_together(paths, **options)  # type: ignore[arg-type]  # only env is given
    return raised.value.problems


def test_the_first_is_the_one_that_the_others_stand_beside(tmp_path: Path) -> None:
    chat, hall = write(tmp_path, "chat", ROOM_OF_HALL + HALL_SERVICE), write(tmp_path, "hall")
    loaded = load_together([chat, hall])
    assert [program.name for program in loaded.config.programs] == ["chat", "hall"]
    assert loaded.config.others[0].base_dir == hall.parent
    assert loaded.warnings == ()


def test_one_is_as_if_it_were_loaded_alone(tmp_path: Path) -> None:
    loaded = load_together([write(tmp_path, "chat")])
    assert loaded.config.programs == (loaded.config,)


def test_a_binding_to_a_worker_that_is_not_started_is_a_warning(tmp_path: Path) -> None:
    loaded = load_together([write(tmp_path, "chat", ROOM_OF_HALL + HALL_SERVICE)])
    assert [(p.severity.value, p.key_path, p.line, p.message) for p in loaded.warnings] == [
        (
            "warning",
            "durable_objects.bindings[0].script_name",
            4,
            'The binding "ROOM" leads to the Worker "hall", which is not started.',
        ),
        (
            "warning",
            "services[0].service",
            9,
            'The binding "HALL" leads to the Worker "hall", which is not started.',
        ),
    ]
    assert all("another -c" in problem.hint for problem in loaded.warnings)


def test_what_is_worth_saying_of_each_of_them_is_said(tmp_path: Path) -> None:
    paths = [write(tmp_path, name, "odd = 1\n") for name in ("chat", "hall")]
    assert [warning.file for warning in load_together(paths).warnings] == paths


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path, "chat")
    (tmp_path / "copy").mkdir()
    two = tmp_path / "copy" / "wrangler.toml"
    two.write_text(one.read_text())
    (problem,) = refusal(one, two)
    assert problem.file == two
    assert problem.message == f'"chat" is the name of the Worker of {one}, too.'
    (problem,) = refusal(one, one)
    assert problem.hint == "Name each configuration once."


def test_what_is_wrong_with_all_of_them_is_told_at_once(tmp_path: Path) -> None:
    one, two = write(tmp_path, "chat", "vars = 1"), write(tmp_path, "hall", "migrations = 2")
    found = refusal(one, tmp_path / "nothing.toml", two)
    assert [problem.file for problem in found] == [one, tmp_path / "nothing.toml", two]


def test_an_environment_is_that_of_all_who_have_it(tmp_path: Path) -> None:
    chat = write(tmp_path, "chat", "[env.next]\n")
    hall, barn = write(tmp_path, "hall", "[env.next]\n"), write(tmp_path, "barn")
    config = load_together([chat, hall, barn], env="next").config
    assert [program.name for program in config.programs] == ["chat-next", "hall-next", "barn"]
    (problem,) = refusal(barn, chat, env="next")
    assert 'No environment found in configuration with name "next"' in problem.message


def test_values_of_the_command_line_are_the_first_ones(tmp_path: Path) -> None:
    chat, hall = write(tmp_path, "chat"), write(tmp_path, "hall")
    config = load_together([chat, hall], var_overrides={"A": "b"}).config
    assert [dict(program.vars) for program in config.programs] == [{"A": "b"}, {}]
