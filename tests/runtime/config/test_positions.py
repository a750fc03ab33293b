"""Positions are exact for every way TOML has to write a key."""

import tomllib

import pytest

from perdure.runtime.config.positions import KeyPath, Position, path_text, toml_positions

TEXT = """\
# a comment
name = "x"
a.b."c d" = 1
'lit.eral' = 2
"\\u0041b" = 3
1234 = 4
[vars]
  X = { y.z = 1, "q" = [1, # inside
    {k=2}] }
[[durable_objects.bindings]]
name = "A"
[["durable_objects".'bindings']]
name = "B"
[durable_objects.bindings.more]
deep = 1
[[durable_objects.bindings.list]]
x = 1
[[durable_objects.bindings.list]]
x = 2
[ env . prod ]
"café" = 1
"ключ" = { "é" = 1, b = 2 }
text = \"\"\"
[not.a.table]
\"\"\"
"""
PLACES: dict[KeyPath, tuple[int, int]] = {
    ("name",): (2, 1),
    ("a",): (3, 1),
    ("a", "b"): (3, 3),
    ("a", "b", "c d"): (3, 5),
    ("lit.eral",): (4, 1),
    ("Ab",): (5, 1),
    ("1234",): (6, 1),
    ("vars",): (7, 2),
    ("vars", "X"): (8, 3),
    ("vars", "X", "y", "z"): (8, 11),
    ("vars", "X", "q"): (8, 18),
    ("vars", "X", "q", 0): (8, 25),
    ("vars", "X", "q", 1): (9, 5),
    ("vars", "X", "q", 1, "k"): (9, 6),
    ("durable_objects",): (10, 3),
    ("durable_objects", "bindings"): (10, 19),
    ("durable_objects", "bindings", 0): (10, 19),
    ("durable_objects", "bindings", 0, "name"): (11, 1),
    ("durable_objects", "bindings", 1): (12, 21),
    ("durable_objects", "bindings", 1, "name"): (13, 1),
    ("durable_objects", "bindings", 1, "more"): (14, 27),
    ("durable_objects", "bindings", 1, "more", "deep"): (15, 1),
    ("durable_objects", "bindings", 1, "list", 0, "x"): (17, 1),
    ("durable_objects", "bindings", 1, "list", 1): (18, 28),
    ("durable_objects", "bindings", 1, "list", 1, "x"): (19, 1),
    ("env", "prod"): (20, 9),
    ("env", "prod", "ключ", "b"): (22, 21),
}


@pytest.mark.parametrize("path", PLACES, ids=path_text)
def test_every_key_has_its_place(path: KeyPath) -> None:
    assert tomllib.loads(TEXT)
    assert toml_positions(TEXT).find(path) == Position(*PLACES[path])


def test_a_missing_key_is_at_its_table() -> None:
    positions = toml_positions(TEXT)
    assert positions.find(("vars", "Y", 3, "deep")) == Position(7, 2)
    assert positions.find(("nothing",)) is None
    assert positions.find(()) is None


def test_the_inside_of_a_text_is_no_table() -> None:
    assert toml_positions(TEXT).find(("not", "a")) is None


def test_all_keys_that_tomllib_sees_are_found() -> None:
    positions = toml_positions(TEXT)

    def walk(path: KeyPath, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk((*path, key), inner)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk((*path, index), inner)
        if path:
            assert path in positions._places, path

    walk((), tomllib.loads(TEXT))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("env", "prod", "migrations", 0, "tag"), "env.prod.migrations[0].tag"),
        (("vars", "a b", "c.d"), 'vars."a b"."c.d"'),
        (("", "x"), '"".x'),
        ((), ""),
    ],
)
def test_a_path_is_written_as_in_the_file(path: KeyPath, text: str) -> None:
    assert path_text(path) == text
