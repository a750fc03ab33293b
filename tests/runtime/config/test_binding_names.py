"""Names in env are taken once."""

from collections.abc import Callable, Sequence

import pytest

HEAD = 'name = "chat"\nmain = "main.py"\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            'services = [{ binding = "A", service = "x" }, { binding = "A", service = "y" }]',
            "3:49 A assigned to multiple Service bindings.",
        ),
        (
            'services = [{ binding = "A", service = "x" }]\nai = { binding = "A" }',
            "4:8 A assigned to Service and AI bindings.",
        ),
        (
            'assets = { directory = "x", binding = "A" }\nvars.A = 1',
            "3:1 A assigned to Assets and Environment Variable bindings.",
        ),
        (
            'vars.A = 1\nkv_namespaces = [{ binding = "A", id = "x" }]',
            "4:20 A assigned to KV namespace and Environment Variable bindings.",
        ),
    ],
)
def test_a_name_taken_twice_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]
