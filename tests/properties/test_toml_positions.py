"""Whatever tomllib reads, each key of it has a place."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.runtime.config.positions import KeyPath, Positions, toml_positions

TEXT = """\
name = "x" # why
a.b."c d" = 1
[vars]
  X = { y.z = 1, "q" = [1, # inside
    {k=2}] }
[[d.b]]
name = 'A'
[["d".'b']]
[d.b.more]
deep = 2026-01-01
[ env . prod ]
text = \"\"\"
[not.a]
\"\"\"
"""
Edit = tuple[int, int, str]
edits: st.SearchStrategy[Edit] = st.tuples(
    st.integers(0, len(TEXT)), st.integers(0, 2), st.text("[]{}=.,\"'# \n\tab1-_é\\+:", max_size=2)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(edits, max_size=3))
def test_each_key_that_tomllib_reads_has_a_place(changes: list[Edit]) -> None:
    text = TEXT
    for start, length, put in changes:
        text = text[:start] + put + text[start + length :]
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # not a file that gets this far
    expect_places((), values, toml_positions(text))


def expect_places(path: KeyPath, value: object, positions: Positions) -> None:
    assert not path or path in positions._places
    if isinstance(value, dict):
        for key, inner in value.items():
            expect_places((*path, key), inner, positions)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            expect_places((*path, index), inner, positions)
