"""The history of classes, checked against itself and against the bindings."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.lineage import next_tag
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
V1 = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Room", "Lobby"]\n'
V2 = '[[migrations]]\ntag = "v2"\n'
BINDING = '[[durable_objects.bindings]]\nname = "ROOM"\nclass_name = "{}"\n'


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (
            'deleted_classes = ["Lobby", "Hall"]',
            "8:29 Cannot apply deleted_classes migration to non-existent class Hall",
        ),
        (
            'renamed_classes = [{ from = "Hall", to = "Cell" }]',
            "8:20 Cannot apply renamed_classes migration to non-existent class Hall",
        ),
        (
            'renamed_classes = [{ from = "Room", to = "Lobby" }]',
            "8:20 Cannot apply renamed_classes migration to existing class Lobby",
        ),
        (
            'new_classes = ["Room"]',
            "8:16 Cannot apply new_classes migration to existing class Room",
        ),
        (
            'new_sqlite_classes = ["Hall", "Room"]',
            "8:31 Cannot apply new_sqlite_classes migration to existing class Room",
        ),
        (
            'transferred_classes = [{ from = "X", from_script = "other", to = "Room" }]',
            "8:24 Cannot apply transferred_classes migration to existing class Room",
        ),
        (
            'transferred_classes = [{ from = "Room", from_script = "chat", to = "Hall" }]',
            '8:24 "chat" is this Worker itself; within it, use renamed_classes.',
        ),
    ],
)
def test_a_step_that_cannot_take_effect(
    errors_of: Callable[..., Sequence[str]], step: str, error: str
) -> None:
    assert errors_of(HEAD + V1 + V2 + step) == [error]


def test_the_lists_of_a_step_take_effect_in_wranglers_order(
    load_text: Callable[..., LoadedConfig],
) -> None:
    step = """\
transferred_classes = [{ from = "X", from_script = "other", to = "Deep" }]
new_sqlite_classes = ["Hall"]
new_classes = ["Room"]
renamed_classes = [{ from = "Room", to = "Lobby" }]
deleted_classes = ["Lobby"]
"""
    assert len(load_text(HEAD + V1 + V2 + step).config.migrations) == 2


def test_a_tag_used_twice(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + V1 + V1.replace("Room", "A").replace("Lobby", "B"))
    assert (problem.line, problem.key_path) == (7, "migrations[1].tag")
    assert problem.message == 'The tag "v1" is used by an earlier migration.'
    assert problem.hint == (
        "A step is applied once, and known by its tag: give this one a tag of its own."
    )


def test_a_class_that_no_migration_creates(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + V1 + BINDING.format("Hall"))
    assert (problem.line, problem.key_path) == (8, "durable_objects.bindings[0].class_name")
    assert problem.message == (
        'The binding "ROOM" names the class "Hall", which no migration creates.'
    )
    assert problem.hint == 'Add:\n[[migrations]]\ntag = "v2"\nnew_sqlite_classes = ["Hall"]'


def test_the_step_to_paste_mends_the_error(
    problems_of: Callable[..., Sequence[Problem]], load_text: Callable[..., LoadedConfig]
) -> None:
    text = HEAD + BINDING.format("Hall")
    (problem,) = problems_of(text)
    added = problem.hint.removeprefix("Add:\n")
    assert load_text(text + added).config.migrations[0].new_sqlite_classes == ("Hall",)


def test_a_slip_in_a_class_name(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + V1 + BINDING.format("Rom"))
    assert problem.hint.startswith('Did you mean "Room"? If Rom is a new class, add:\n[[migr')


def test_a_binding_to_a_renamed_class(problems_of: Callable[..., Sequence[Problem]]) -> None:
    v2 = V2 + 'renamed_classes = [{ from = "Room", to = "Hall" }]\n'
    v3 = '[[migrations]]\ntag = "v3"\nrenamed_classes = [{ from = "Hall", to = "Cell" }]\n'
    (problem,) = problems_of(HEAD + V1 + v2 + v3 + BINDING.format("Room"))
    assert problem.message == (
        'The binding "ROOM" names the class "Room", which was renamed to "Hall" by migration "v2".'
    )
    assert problem.hint == 'Write class_name = "Cell".'


def test_a_binding_to_a_deleted_class(problems_of: Callable[..., Sequence[Problem]]) -> None:
    text = HEAD + V1 + V2 + 'deleted_classes = ["Room"]\n' + BINDING.format("Room")
    (problem,) = problems_of(text)
    assert problem.message == (
        'The binding "ROOM" names the class "Room", which was deleted by migration "v2".'
    )
    assert problem.hint == (
        "Remove the binding; or, to have the class again with no data, add:\n"
        '[[migrations]]\ntag = "v3"\nnew_sqlite_classes = ["Room"]'
    )


def test_a_class_deleted_after_its_renaming_has_no_name_to_offer(
    problems_of: Callable[..., Sequence[Problem]],
) -> None:
    v2 = V2 + 'renamed_classes = [{ from = "Room", to = "Hall" }]\n'
    v3 = '[[migrations]]\ntag = "v3"\ndeleted_classes = ["Hall"]\n'
    (problem,) = problems_of(HEAD + V1 + v2 + v3 + BINDING.format("Room"))
    assert problem.hint.startswith("Remove the binding; or,")


def test_a_class_created_again_may_be_bound(load_text: Callable[..., LoadedConfig]) -> None:
    text = V1 + V2 + 'deleted_classes = ["Room"]\nnew_classes = ["Room"]\n' + BINDING.format("Room")
    assert load_text(HEAD + text).config.bindings[0].class_name == "Room"


def test_nothing_is_concluded_from_a_malformed_step(
    errors_of: Callable[..., Sequence[str]],
) -> None:
    text = HEAD + '[[migrations]]\ntag = "v1"\nnew_classes = "Room"\n' + BINDING.format("Room")
    assert len(errors_of(text)) == 1


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        ([], "v1"),
        (["v1", "v2"], "v3"),
        (["0009"], "10"),
        (["2024-a7", "2024-a8"], "2024-a9"),
        (["v2", "v1"], "v3"),
        (["first"], "v2"),
        (["v2", "first"], "v3"),
    ],
)
def test_the_next_tag_follows_the_manner_of_the_others(tags: list[str], tag: str) -> None:
    assert next_tag(tags) == tag
