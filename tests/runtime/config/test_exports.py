"""Classes as they are to be, in place of steps that lead there."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import ExportedClass, LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
ROOM = '[exports.Room]\ntype = "durable-object"\nstorage = "sqlite"\n'
BINDING = '[[durable_objects.bindings]]\nname = "ROOM"\nclass_name = "{}"\n'


def entry(name: str, **fields: str) -> str:
    lines = [f'{key} = "{value}"' for key, value in fields.items()]
    return "\n".join([f"[exports.{name}]", 'type = "durable-object"', *lines, ""])


def test_each_state_is_read(load_text: Callable[..., LoadedConfig]) -> None:
    text = "".join([
        ROOM,
        entry("Draft", state="created", storage="legacy-kv"),
        entry("Hall", state="renamed", renamed_to="Room"),
        entry("Gone", state="deleted"),
        entry("Given", state="transferred", transferred_to="other"),
        entry("Taken", state="expecting-transfer", storage="sqlite", transfer_from="other"),
        '[exports.Default]\ntype = "worker"\n',
    ])  # fmt: skip
    config = load_text(HEAD + text + BINDING.format("Room")).config
    assert config.migrations == ()
    assert config.exports == (
        ExportedClass("Room", "created", "sqlite", line=3),
        ExportedClass("Draft", "created", "kv", line=6),
        ExportedClass("Hall", "renamed", renamed_to="Room", line=10),
        ExportedClass("Gone", "deleted", line=14),
        ExportedClass("Given", "transferred", transferred_to="other", line=17),
        ExportedClass("Taken", "expecting-transfer", transfer_from="other", line=21),
    )


def test_without_exports_there_are_none(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.exports is None


def test_an_environment_may_have_its_own(load_text: Callable[..., LoadedConfig]) -> None:
    text = ROOM + "[env.a]\n[env.b.exports]\n"
    exports = load_text(HEAD + text, "a").config.exports
    assert exports is not None
    assert [one.name for one in exports] == ["Room"]
    assert load_text(HEAD + text, "b").config.exports == ()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("exports = 1", '3:1 The field "exports" should be an object but got 1.'),
        ("exports.Room = 1", '3:9 The field "exports.Room" should be an object but got 1.'),
        (
            'exports.Room = { storage = "sqlite" }',
            '3:9 "exports.Room.type" is a required field.',
        ),
        (
            'exports.Room = { type = "object" }',
            (
                '3:18 Expected "exports.Room.type" field to be one of '
                '["durable-object","worker","workflow"] but got "object".'
            ),
        ),
        (entry("Room"), '3:10 "exports.Room.storage" is a required field.'),
        (
            entry("Room", storage="kv"),
            (
                '5:1 Expected "exports.Room.storage" field to be one of ["sqlite","legacy-kv"] but '
                'got "kv".'
            ),
        ),
        (
            entry("Room", state="gone"),
            (
                '5:1 Expected "exports.Room.state" field to be one of ["created","deleted","renamed",'
                '"transferred","expecting-transfer"] but got "gone".'
            ),
        ),
        (
            entry("Room", state="renamed"),
            '3:10 "exports.Room.renamed_to" is a required field.',
        ),
        (
            entry("Room", state="deleted", storage="sqlite"),
            '6:1 "exports.Room.storage" does not go with the state "deleted".',
        ),
        (
            entry("Room", state="renamed", renamed_to="Hall"),
            '6:1 "Room" is renamed to "Hall", which `exports` lacks.',
        ),
        (
            entry("Room", state="renamed", renamed_to="Room"),
            '6:1 "Room" is renamed to "Room", which leads to none that is created.',
        ),
        (
            entry("Room", state="transferred", transferred_to="chat"),
            '6:1 "chat" is this Worker itself; within it, rename the class.',
        ),
        (
            '[exports."my-room"]\ntype = "durable-object"\nstorage = "sqlite"',
            '3:10 "my-room" cannot be the name of a Python class.',
        ),
    ],
)
def test_a_wrong_entry_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]


def test_a_slip_in_a_key_is_a_warning(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + ROOM + 'stroage = "sqlite"\n')
    assert problem.message == 'Unexpected fields found in exports.Room field: "stroage"'
    assert problem.hint == 'Did you mean "storage"?'


@pytest.mark.parametrize(
    ("exports", "bound", "message", "hint"),
    [
        (
            ROOM,
            "Rom",
            'The binding "ROOM" names the class "Rom", which `exports` does not name.',
            (
                'Did you mean "Room"? If Rom is a new class, add:\n'
                '[exports.Rom]\ntype = "durable-object"\nstorage = "sqlite"'
            ),
        ),
        (
            ROOM + entry("Hall", state="renamed", renamed_to="Room"),
            "Hall",
            'The binding "ROOM" names the class "Hall", which was renamed to "Room" by `exports`.',
            'Write class_name = "Room".',
        ),
        (
            entry("Room", state="deleted"),
            "Room",
            'The binding "ROOM" names the class "Room", which was deleted by `exports`.',
            (
                "Remove the binding; or, to have the class again with no data, add:\n"
                '[exports.Room]\ntype = "durable-object"\nstorage = "sqlite"'
            ),
        ),
    ],
)
def test_a_binding_to_a_class_that_is_not_there(
    problems_of: Callable[..., Sequence[Problem]],
    exports: str,
    bound: str,
    message: str,
    hint: str,
) -> None:
    (problem,) = problems_of(HEAD + exports + BINDING.format(bound))
    assert (problem.message, problem.hint) == (message, hint)
