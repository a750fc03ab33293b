"""``_redirects``: lines as rules, and what they lead to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.assets.redirects import (
    DYNAMIC_RULES_MAX,
    LINE_CHARACTERS_MAX,
    STATIC_RULES_MAX,
    Redirected,
    Redirects,
    parse_redirects,
)

FILE = Path("/site/_redirects")


def parsed(text: str, html_handling: str = "auto-trailing-slash") -> tuple[Redirects, list[str]]:
    rules, problems = parse_redirects(text, FILE, html_handling)
    assert all(str(problem).startswith(f"{problem.where}: warning: ") for problem in problems)
    return rules, [f"{problem.line} {problem.message}" for problem in problems]


def rules_of(text: str) -> Redirects:
    rules, problems = parsed(text)
    assert problems == []
    return rules


def test_the_documented_example() -> None:
    rules = rules_of("""
/home301 / 301
/home302 / 302
/querystrings /?query=string 301
/twitch https://twitch.tv
/trailing /trailing/ 301
/page/ /page2/#fragment 301
/blog/* https://blog.my.domain/:splat
/products/:code/:name /products?code=:code&name=:name
""")
    assert len(rules) == 8
    assert rules.find("/home301") == Redirected("/", 301)
    assert rules.find("/querystrings") == Redirected("/?query=string", 301)
    assert rules.find("/twitch") == Redirected("https://twitch.tv/", 302)
    assert rules.find("/trailing") == Redirected("/trailing/", 301)
    assert rules.find("/trailing/") is None
    assert rules.find("/blog/2026/x") == Redirected("https://blog.my.domain/2026/x", 302)
    assert rules.find("/products/1/a%20b") == Redirected("/products?code=1&name=a%20b", 302)
    assert rules.find("/products/1") is None


def test_static_rules_are_before_the_others_and_the_first_that_fits_holds() -> None:
    rules = rules_of("/a /static\n/* /splat\n/b /late\n/:x /x")
    assert rules.find("/a") == Redirected("/static", 302)
    assert rules.find("/b") == Redirected("/splat", 302)


def test_comments_space_and_line_ends_are_no_rules() -> None:
    rules = rules_of("\n  # x y z\r\n\t/a   /b#c\t301  # why so\r\n/c /d # 301\r\nd /e")
    assert rules.find("/a") == Redirected("/b#c", 301)
    assert rules.find("/c") == Redirected("/d", 302)
    assert rules.find("/d") == Redirected("/e", 302)


LOOP = "Infinite loop detected in this rule and has been ignored."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/a", "Expected exactly 2 or 3 whitespace-separated tokens. Got 1."),
        ("/a /b 301 !", "Expected exactly 2 or 3 whitespace-separated tokens. Got 4."),
        ("/a /b 404", "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 404."),
        ("/a /b x", "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got x."),
        ("https://x/a /b", "Only relative URLs are allowed. Skipping absolute URL https://x/a."),
        ("/a http://x", "URLs should either be relative"),
        (
            "/a https://x 200",
            "Proxy (200) redirects can only point to relative paths. Got https://",
        ),
        ("/first /b", "Ignoring duplicate rule for path /first."),
        ("/* /index.html 200", LOOP),
        ("/x/* /y/index", LOOP),
        ("/ /index.html", LOOP),
        ("/*/* /b", "There can be one * only."),
        ("/:a/:a /b", '":a" is there twice.'),
        (f"/{'a' * LINE_CHARACTERS_MAX} /b", "Ignoring line 2 as it exceeds the maximum allowed"),
    ],
)
def test_a_line_that_is_no_rule_is_told_of_and_left_out(line: str, message: str) -> None:
    rules, problems = parsed(f"/first /a\n{line}\n/last /z")
    (problem,) = problems
    assert problem.startswith(f"2 {message}")
    assert len(rules) == 2
    assert rules.find("/first") == Redirected("/a", 302)
    assert rules.find("/last") == Redirected("/z", 302)


def test_an_index_page_may_be_led_to_where_no_path_is_taken_away() -> None:
    assert parsed("/ /index.html", "none")[1] == []
    assert parsed("/ https://x/index.html")[1] == []
    assert parsed("/a /index.html")[1] == []


def test_a_long_comment_is_no_part_of_a_line() -> None:
    rules_of(f"/a /b # {'x' * LINE_CHARACTERS_MAX}")
    rules_of(f"/{'a' * (LINE_CHARACTERS_MAX - 4)} /b")
    assert parsed(f"/{'a' * (LINE_CHARACTERS_MAX - 3)} /b")[1] != []


def test_there_are_no_more_rules_than_that() -> None:
    static = [f"/s{i} /x" for i in range(STATIC_RULES_MAX + 2)]
    dynamic = [f"/d{i}/* /x" for i in range(DYNAMIC_RULES_MAX + 2)]
    rules, problems = parsed("\n".join([*static, *dynamic, ""]))
    assert len(rules) == STATIC_RULES_MAX + DYNAMIC_RULES_MAX
    skipped = f"Maximum number of static rules supported is {STATIC_RULES_MAX}. Skipping line."
    first = STATIC_RULES_MAX + 2 + DYNAMIC_RULES_MAX + 1
    assert problems == [
        f"{STATIC_RULES_MAX + 1} {skipped}",
        f"{STATIC_RULES_MAX + 2} {skipped}",
        (
            f"{first} Maximum number of dynamic rules supported is {DYNAMIC_RULES_MAX}. Skipping "
            "remaining 3 lines of file."
        ),
    ]
    assert rules.find(f"/d{DYNAMIC_RULES_MAX - 1}/") is not None


@pytest.mark.parametrize(
    ("to", "query", "location"),
    [
        ("/a", "", "/a"),
        ("/a", "x=1", "/a?x=1"),
        ("/a?y#z?", "x=1", "/a?y#z?"),
        ("/a#z", "x=1", "/a?x=1#z"),
        ("/a?", "x=1", "/a?x=1"),
        ("https://x/a", "x=1", "https://x/a?x=1"),
    ],
)
def test_a_query_is_kept_where_the_rule_has_none(to: str, query: str, location: str) -> None:
    assert Redirected(to, 302).location(query) == location
    assert Redirected("/a?b#c", 200).path == "/a"


WORDS = st.text(st.sampled_from("ab/*:#? .\\\r\té5"), max_size=8)
LINES = st.lists(WORDS | st.sampled_from(["/a", "/:a", "/*", "200", "https://x"]), max_size=5)


@given(st.lists(LINES.map(" ".join), max_size=8), WORDS)
def test_any_text_gives_rules_or_is_told_of(lines: list[str], path: str) -> None:
    rules, problems = parse_redirects("\n".join(lines), FILE, "auto-trailing-slash")
    meant = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(rules) + len(problems) == len(meant)
    found = rules.find(f"/{path}")
    if found is not None:
        assert found.location("q").startswith(("https://x", "/"))
        assert found.location("q").isascii() or not path.isascii()
