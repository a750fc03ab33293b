"""Which requests a rule is for."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.firewall.model import Match
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n[[perdure.firewall]]\naction = "deny"\n'


def test_everything_can_be_asked_for(load_text: Callable[..., LoadedConfig]) -> None:
    text = """\
path = ["/a", "/b/**"]
method = ["get", "POST"]
host = "*.example.com"
address = ["10.0.0.0/8", "::1"]
origin = ["https://a.example", "null"]
upgrade = true
header = { X-A = "a*", "X-B" = ["b", "c"], X-C = true, X-D = false }
query = { "room id" = "1" }
"""
    (rule,) = load_text(HEAD + text).config.perdure.firewall
    assert rule.match == Match(
        path=("/a", "/b/**"),
        method=("GET", "POST"),
        host=("*.example.com",),
        address=("10.0.0.0/8", "::1"),
        origin=("https://a.example", "null"),
        upgrade=True,
        header={"X-A": ("a*",), "X-B": ("b", "c"), "X-C": True, "X-D": False},
        query={"room id": ("1",)},
    )
    assert not rule.match.is_empty


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ('path = "a"', '5:1 "{}.path" cannot hold "a".', 'A path begins with a slash: "/a"'),
        (
            'path = ["/a", "b"]',
            '5:15 "{}.path" cannot hold "b".',
            'A path begins with a slash: "/b"',
        ),
        ("path = 1", '5:1 Expected "{}.path" to be of type string array but got 1.', ""),
        (
            "address = []",
            '5:1 "{}.address" is empty, so it is not clear what is meant.',
            "Leave the line out to match everything.",
        ),
        (
            'method = "GET POST"',
            '5:1 "{}.method" cannot hold "GET POST".',
            'Write a method, such as "GET" or ["PUT", "POST"].',
        ),
        (
            'host = "https://a.example"',
            '5:1 "{}.host" cannot hold "https://a.example".',
            'Write a host such as "example.com" or "*.example.com": no "https://" and no path.',
        ),
        (
            'upgrade = "websocket"',
            '5:1 Expected "{}.upgrade" to be of type boolean but got "websocket".',
            "",
        ),
        (
            'header = "X-A"',
            '5:1 The field "{}.header" should be an object but got "X-A".',
            "",
        ),
        (
            'header."X A" = true',
            '5:8 "X A" is no name of a header.',
            'Write for instance: header = { "X-Api-Key" = true }',
        ),
        (
            "query.a = 1",
            '5:7 Expected "{}.query.a" to be of type string, string array or boolean but got 1.',
            "A text is a pattern of its value; true and false ask whether it is there.",
        ),
        (
            "query.a = []",
            '5:7 Expected "{}.query.a" to be of type string, string array or boolean but got [].',
            "A text is a pattern of its value; true and false ask whether it is there.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(
    problems_of: Callable[..., Sequence[Problem]], text: str, error: str, hint: str
) -> None:
    (problem,) = problems_of(HEAD + text)
    shown = f"{problem.line}:{problem.column} {problem.message}"
    assert (shown, problem.hint) == (error.format("perdure.firewall[0]"), hint)
