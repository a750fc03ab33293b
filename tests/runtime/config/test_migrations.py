"""Migration steps as written, with wrangler's texts."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import (
    LoadedConfig,
    MigrationStep,
    RenamedClass,
    TransferredClass,
)

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_steps_are_read_whole_and_in_order(load_text: Callable[..., LoadedConfig]) -> None:
    text = """\
[[migrations]]
tag = "v1"
new_classes = ["Old"]
new_sqlite_classes = ["Room", "Gone"]
[[migrations]]
tag = "v2"
deleted_classes = ["Gone"]
renamed_classes = [{ from = "Room", to = "Lobby" }]
transferred_classes = [{ from = "Theirs", from_script = "other", to = "Ours" }]
"""
    assert load_text(HEAD + text).config.migrations == (
        MigrationStep("v1", new_classes=("Old",), new_sqlite_classes=("Room", "Gone"), line=3),
        MigrationStep(
            "v2",
            deleted_classes=("Gone",),
            renamed_classes=(RenamedClass("Room", "Lobby"),),
            transferred_classes=(TransferredClass("Theirs", "other", "Ours"),),
            line=7,
        ),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("migrations = 1", '3:1 The optional "migrations" field should be an array, but got 1'),
        ("migrations = [1]", '3:15 "migrations[0]" should be an object but got 1.'),
        ("[[migrations]]", '3:3 "migrations[0].tag" is a required field.'),
        (
            "[[migrations]]\ntag = 1",
            '4:1 Expected "migrations[0].tag" to be of type string but got 1.',
        ),
        ('[[migrations]]\ntag = ""', '4:1 "migrations[0].tag" should not be empty.'),
        (
            '[[migrations]]\ntag = "a"\nnew_classes = "Room"',
            '5:1 Expected "migrations[0].new_classes" to be of type string array but got "Room".',
        ),
        (
            '[[migrations]]\ntag = "a"\nnew_sqlite_classes = [1]',
            '5:23 Expected "migrations[0].new_sqlite_classes.[0]" to be of type string but got 1.',
        ),
        (
            '[[migrations]]\ntag = "a"\ndeleted_classes = {}',
            '5:1 Expected "migrations[0].deleted_classes" to be of type string array but got {}.',
        ),
        (
            '[[migrations]]\ntag = "a"\nrenamed_classes = [{from = "A"}]',
            (
                '5:1 Expected "migrations[0].renamed_classes" to be an array of "{from: string, '
                'to: string}" objects but got [{"from":"A"}].'
            ),
        ),
        (
            '[[migrations]]\ntag = "a"\nrenamed_classes = "A"',
            (
                '5:1 Expected "migrations[0].renamed_classes" to be an array of "{from: string, '
                'to: string}" objects but got "A".'
            ),
        ),
        (
            '[[migrations]]\ntag = "a"\ntransferred_classes = [{from = "A", to = "B"}]',
            (
                '5:1 Expected "migrations[0].transferred_classes" to be an array of "{from: string, '
                'from_script: string, to: string}" objects but got [{"from":"A","to":"B"}].'
            ),
        ),
        (
            '[[migrations]]\ntag = "a"\nnew_classes = ["my-room"]',
            '5:16 "my-room" cannot be the name of a Python class.',
        ),
        (
            '[[migrations]]\ntag = "a"\nrenamed_classes = [{from="A", to="a b"}]',
            '5:31 "a b" cannot be the name of a Python class.',
        ),
    ],
)
def test_a_malformed_step_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]


def test_unknown_keys_of_a_step_are_warnings(
    problems_of: Callable[..., Sequence[Problem]],
) -> None:
    text = """\
[[migrations]]
tag = "v1"
new_sqlite_clases = ["Room"]
new_classes = ["A"]
[[migrations]]
tag = "v2"
renamed_classes = [{ from = "A", to = "B", form = "x" }]
"""
    first, second = problems_of(HEAD + text)
    assert first.message == 'Unexpected fields found in migrations[0] field: "new_sqlite_clases"'
    assert (first.line, first.hint) == (5, 'Did you mean "new_sqlite_classes"?')
    assert second.key_path == "migrations[1].renamed_classes[0].form"
    assert second.line == 9
