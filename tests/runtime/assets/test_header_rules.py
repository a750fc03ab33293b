"""``_headers``: lines as rules, and what answers say by them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from perdure.runtime.assets.header_rules import (
    LINE_CHARACTERS_MAX,
    RULES_MAX,
    HeaderRules,
    parse_headers,
)

FILE = Path("/site/_headers")


def parsed(text: str) -> tuple[HeaderRules, list[str]]:
    rules, problems = parse_headers(text, FILE)
    return rules, [f"{problem.line} {problem.message}" for problem in problems]


def said(
    text: str, path: str, host: str = "x", before: dict[str, str] | None = None
) -> dict[str, str]:
    rules, problems = parsed(text)
    assert problems == []
    fields = CIMultiDict(before or {})
    rules.apply(fields, host, path)
    return dict(fields)


DOCUMENTED = """
# This is a comment
/secure/page
\tX-Frame-Options: DENY
\tX-Content-Type-Options: nosniff

/static/*
  Access-Control-Allow-Origin: *
  X-Robots-Tag: nosnippet
https://my.workers.dev/*
  X-Robots-Tag: noindex
"""


def test_the_documented_example() -> None:
    secure = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}
    static = {"Access-Control-Allow-Origin": "*", "X-Robots-Tag": "nosnippet"}
    assert said(DOCUMENTED, "/secure/page") == secure
    assert said(DOCUMENTED, "/static/a.jpg") == static
    assert said(DOCUMENTED, "/home", "my.workers.dev") == {"X-Robots-Tag": "noindex"}
    assert said(DOCUMENTED, "/static/a", "my.workers.dev") == {
        **static,
        "X-Robots-Tag": "nosnippet, noindex",
    }


def test_what_rules_say_replaces_what_was_said_before() -> None:
    text = "/*\n Cache-Control: a\n/x\n cache-control: b"
    assert said(text, "/x", before={"Cache-Control": "default"}) == {"cache-control": "a, b"}


def test_a_header_is_taken_away_by_a_later_rule() -> None:
    text = "/*\n A: 1\n ! ETag\n/*.jpg\n ! A\n/y.jpg\n A: 2"
    assert said(text, "/x", before={"ETag": '"t"'}) == {"A": "1"}
    assert said(text, "/x.jpg") == {}
    assert said(text, "/y.jpg") == {"A": "2"}


def test_a_rule_takes_away_before_it_says() -> None:
    assert said("/*\n A: 1\n/x\n A: 2\n ! A", "/x") == {"A": "2"}


def test_cookies_are_not_joined() -> None:
    rules, _ = parsed("/*\n Set-Cookie: a=1\n Set-Cookie: b=2\n/x\n Set-Cookie: c=3")
    fields = CIMultiDict[str]()
    rules.apply(fields, "x", "/x")
    assert fields.getall("Set-Cookie") == ["a=1", "b=2", "c=3"]


def test_placeholders_can_be_said() -> None:
    text = '/movies/:title\n X-Name: You see ":title" :other\n/p/*\n Link: </q/:splat>; a="b:c"'
    assert said(text, "/movies/up") == {"X-Name": 'You see "up" :other'}
    assert said(text, "/p/x/y") == {"Link": '</q/x/y>; a="b:c"'}


def test_a_path_has_one_spelling_here_too() -> None:
    for path in ("/a b/@c", "/a%20b/@c", "/a%20b/%40c", "/%61%20b/%40c"):
        for asked in ("/a%20b/%40c", "//a%20b/@c"):
            assert said(f"{path}\n A: 1", asked) == {"A": "1"}


def test_of_one_path_the_later_rule_holds_and_the_first_is_told_of() -> None:
    rules, problems = parsed("/a\n A: 1\n B: 2\n/a\n A: 3")
    fields = CIMultiDict[str]()
    rules.apply(fields, "", "/a")
    assert dict(fields) == {"A": "3"}
    assert problems == ["1 The rule for /a in line 4 takes the place of this one."]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("X-A", "Expected a colon-separated header pair (e.g. name: value)"),
        ("X A: 1", "Header name cannot include spaces"),
        ("! X-A: 1", "Header name cannot include spaces"),
        (": 1", "No header name specified"),
        ("X-A:", "No header value specified"),
        ("X(A): 1", "header 'X(A)'"),
        ("X-A: a\x00b", "header 'X-A'"),
        ("! X(A)", "header 'X(A)'"),
        ("Content-Length: 5", '"Content-Length" is the server\'s own to say.'),
        ("! transfer-encoding", '"transfer-encoding" is the server\'s own to say.'),
        (f"X-A: {'a' * LINE_CHARACTERS_MAX}", "Ignoring line 3 as it exceeds the maximum allowed"),
    ],
)
def test_a_line_that_is_no_header_is_told_of_and_left_out(line: str, message: str) -> None:
    rules, problems = parsed(f"/*\n A: 1\n {line}\n B: 2")
    fields = CIMultiDict[str]()
    rules.apply(fields, "", "/a")
    assert dict(fields) == {"A": "1", "B": "2"}
    (problem,) = problems
    assert problem.startswith("3 ")
    assert message in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A: 1\n/*\n B: 1", "1 Path should come before header (A: 1)"),
        ("! A\n/*\n B: 1", "1 Expected a path beginning with at least one forward-slash"),
        ("/a\n/*\n B: 1", "1 No headers specified"),
        ("/*\n B: 1\n/a", "3 No headers specified"),
        ("/a/*/*\n# x\n/*\n B: 1", "1 There can be one * only."),
        ("http://x/*\n/*\n B: 1", "1 URLs should either be relative"),
        ("https://x:80/*\n/*\n B: 1", "1 Specifying ports is not supported."),
    ],
)
def test_a_path_without_a_rule_is_told_of(text: str, message: str) -> None:
    rules, problems = parsed(text)
    assert [problem[: len(message)] for problem in problems] == [message]
    assert len(rules) == 1


def test_what_follows_a_path_that_is_none_is_of_no_path() -> None:
    rules, problems = parsed("/a\n A: 1\nhttp://x\n B: 1")
    assert len(rules) == 1
    assert problems[1:] == ["4 Path should come before header (B: 1)"]


def test_there_are_no_more_rules_than_that() -> None:
    text = "\n".join(f"/{i}\n A: 1" for i in range(RULES_MAX + 2))
    rules, problems = parsed(text)
    assert len(rules) == RULES_MAX
    assert problems == [
        (
            f"{2 * RULES_MAX + 1} Maximum number of rules supported is {RULES_MAX}. Skipping "
            "remaining 4 lines of file."
        )
    ]


WORDS = st.sampled_from(["/a", "/:a", "/*", "A: 1", "A:", "! A", "! B", "B: :a", "é: x", "#", ""])


@given(st.lists(WORDS | st.text(max_size=10), max_size=12), st.text(max_size=10))
def test_any_text_can_be_applied(lines: list[str], path: str) -> None:
    rules, problems = parse_headers("\n".join(lines), FILE)
    fields = CIMultiDict({"A": "0"})
    rules.apply(fields, "x", f"/{path}")
    assert all("\r" not in value and "\n" not in value for value in fields.values())
    assert all(problem.line is not None for problem in problems)
