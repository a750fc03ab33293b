"""Names that programs annotate with."""

from perdure.runtime.compat.sdk import types


def test_each_name_is_there() -> None:
    assert [name for name in types.__all__ if not hasattr(types, name)] == []


def test_the_endings_of_a_blob_are_texts() -> None:
    assert [str(ending) for ending in types.BlobEnding] == ["transparent", "native"]
