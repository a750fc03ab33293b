"""Bindings, with wrangler's texts."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import DurableObjectBinding, LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
MIGRATION = '\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Room", "Lobby"]\n'
ROOM = '[[durable_objects.bindings]]\nname = "ROOM"\nclass_name = "Room"\n'


@pytest.mark.parametrize(
    "form",
    [
        ROOM,
        '[durable_objects]\nbindings = [{ name = "ROOM", class_name = "Room" }]\n',
        'durable_objects.bindings = [{ name = "ROOM", class_name = "Room" }]\n',
    ],
)
def test_all_forms_of_toml_say_the_same(load_text: Callable[..., LoadedConfig], form: str) -> None:
    (binding,) = load_text(HEAD + form + MIGRATION).config.bindings
    assert (binding.name, binding.class_name, binding.script_name) == ("ROOM", "Room", None)


def test_bindings_keep_their_order_and_lines(load_text: Callable[..., LoadedConfig]) -> None:
    lobby = '[[durable_objects.bindings]]\nname = "LOBBY"\nclass_name = "Lobby"\n'
    assert load_text(HEAD + ROOM + lobby + MIGRATION).config.bindings == (
        DurableObjectBinding("ROOM", "Room", line=3),
        DurableObjectBinding("LOBBY", "Lobby", line=6),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("durable_objects = 1", '3:1 The field "durable_objects" should be an object but got 1.'),
        (
            "[durable_objects]",
            '3:2 The field "durable_objects" is missing the required "bindings" property.',
        ),
        (
            "durable_objects.bindings = {}",
            '3:17 The field "durable_objects.bindings" should be an array but got {}.',
        ),
        (
            "durable_objects.bindings = [1]",
            '3:29 "durable_objects.bindings[0]" should be an object but got 1.',
        ),
    ],
)
def test_a_wrong_shape_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text + MIGRATION) == [error]


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ('class_name = "Room"', '3:29 binding should have a string "name" field.'),
        ('name = "", class_name = "Room"', '3:31 binding should have a string "name" field.'),
        ('name = "R"', '3:29 binding should have a string "class_name" field.'),
        ('name = "R", class_name = 1', '3:43 binding should have a string "class_name" field.'),
        (
            'name = "R", class_name = "Room", script_name = 1',
            '3:64 the field "script_name", when present, should be a string.',
        ),
        (
            'name = "R", class_name = "Room", script_name = "chat", environment = 1',
            '3:86 the field "environment", when present, should be a string.',
        ),
        (
            'name = "R", class_name = "Room", environment = "x"',
            '3:64 binding should have a "script_name" field if "environment" is present.',
        ),
    ],
)
def test_a_wrong_field_is_told(
    errors_of: Callable[..., Sequence[str]], entry: str, error: str
) -> None:
    text = f"durable_objects.bindings = [{{ {entry} }}]"
    assert errors_of(HEAD + text + MIGRATION) == [error]


def test_an_unknown_field_of_a_binding_is_a_warning(
    problems_of: Callable[..., Sequence[Problem]],
) -> None:
    (problem,) = problems_of(HEAD + ROOM + 'clas_name = "x"\n' + MIGRATION)
    assert (
        problem.message
        == 'Unexpected fields found in durable_objects.bindings[0] field: "clas_name"'
    )
    assert (problem.line, problem.key_path) == (6, "durable_objects.bindings[0].clas_name")
    assert problem.hint == 'Did you mean "class_name"?'


def test_a_name_taken_twice(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + ROOM + ROOM + MIGRATION)
    assert problem.message == "ROOM assigned to multiple Durable Object bindings."
    assert (problem.line, problem.key_path) == (7, "durable_objects.bindings[1].name")
    assert problem.hint == (
        "Bindings must have unique names, so that they can all be referenced in the worker.\n"
        "Please change your bindings to have unique names."
    )


def test_a_name_that_is_also_a_variable(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + "vars.ROOM = 1\n" + ROOM + MIGRATION) == [
        "5:1 ROOM assigned to Durable Object and Environment Variable bindings."
    ]


def test_the_workers_own_name_as_script_is_local(load_text: Callable[..., LoadedConfig]) -> None:
    (binding,) = load_text(HEAD + ROOM + 'script_name = "chat"' + MIGRATION).config.bindings
    assert binding.class_name == "Room"


def test_another_workers_class_is_no_migrations_business(
    load_text: Callable[..., LoadedConfig],
) -> None:
    other = (
        '[[durable_objects.bindings]]\nname = "HALL"\nclass_name = "Hall"\nscript_name = "other"\n'
    )
    config = load_text(HEAD + ROOM + other + MIGRATION).config
    assert [(b.name, b.script_name) for b in config.bindings] == [("ROOM", None), ("HALL", "other")]
    assert [b.name for b in config.own_bindings] == ["ROOM"]


def test_an_environment_of_the_script_is_part_of_its_name(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = ROOM.replace("[[", "[[env.prod.") + 'script_name = "chat"\nenvironment = "prod"'
    (binding,) = load_text(HEAD + text + MIGRATION, "prod").config.bindings
    assert binding.script_name == "chat-prod"
