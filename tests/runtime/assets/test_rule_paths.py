"""What ``*`` and ``:name`` stand for, and what a rule may be written for."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perdure.runtime.assets.rule_paths import (
    RulePattern,
    RuleRefused,
    destination_url,
    filled,
    filled_destination,
    is_dynamic,
    source_url,
    standard,
)


def matched(source: str, path: str, host: str = "") -> Mapping[str, str] | None:
    return RulePattern(source, standard).match(host, path)


@pytest.mark.parametrize(
    ("source", "path", "values"),
    [
        ("/a", "/a", {}),
        ("/a", "/a/", None),
        ("/a.b", "/axb", None),
        ("/blog/*", "/blog/", {"splat": ""}),
        ("/blog/*", "/blog/x/y", {"splat": "x/y"}),
        ("/blog/*", "/blog", None),
        ("/*.jpg", "/x/a.jpg", {"splat": "x/a"}),
        ("/:a/:b", "/x/y", {"a": "x", "b": "y"}),
        ("/:a/:b", "/x/y/z", None),
        ("/:a/:b", "/x/", None),
        ("/:id/:id_2", "/x/y", {"id": "x", "id_2": "y"}),
        ("/:code-*", "/x-1-y", {"code": "x-1", "splat": "y"}),
        ("/x:8/:1", "/x:8/:1", {}),
        ("/ü", "/%C3%BC", {}),
    ],
)
def test_a_path_fits_or_not(source: str, path: str, values: Mapping[str, str] | None) -> None:
    assert matched(source, path) == values


@pytest.mark.parametrize(
    ("source", "host", "values"),
    [
        ("https://Example.com/a", "example.com", {}),
        ("https://Example.com/a", "www.example.com", None),
        ("https://:sub.example.com/a", "www.example.com", {"sub": "www"}),
        ("https://:sub.example.com/a", "a.b.example.com", None),
        ("https://*.example.com/a", "a.b.example.com", {"splat": "a.b"}),
        ("https://:Sub.example.com/:x", "www.example.com", {"Sub": "www", "x": "a"}),
        ("https://example.com/b", "example.com", None),
        ("/a", "anything", {}),
    ],
)
def test_a_host_fits_or_not(source: str, host: str, values: Mapping[str, str] | None) -> None:
    assert matched(source, "/a", host) == values


@pytest.mark.parametrize("source", ["/*/*", "/:a/:a", "/:splat/*", "https://:a.b/:a"])
def test_nothing_stands_for_two_things(source: str) -> None:
    with pytest.raises(RuleRefused):
        RulePattern(source, standard)


def test_a_rule_is_for_a_path_or_a_site() -> None:
    assert source_url("/a?b#c", may_have_host=False) == "/a"
    assert source_url("a#b", may_have_host=False) == "/a"
    assert source_url("https://x.y", may_have_host=True) == "https://x.y/"
    assert source_url("https://x.y/a?b", may_have_host=True) == "https://x.y/a"
    for text, message in (
        ("https://x:80/a", "Specifying ports is not supported. Skipping absolute URL"),
        ("http://x/a", "URLs should either be relative"),
        ("x", "URLs should either be relative"),
    ):
        with pytest.raises(RuleRefused, match=message):
            source_url(text, may_have_host=True)
    with pytest.raises(RuleRefused, match="Only relative URLs are allowed"):
        source_url("https://x/a", may_have_host=False)


def test_a_redirect_leads_to_a_path_or_a_site() -> None:
    assert destination_url("/a b?c#d") == "/a%20b?c#d"
    assert destination_url("https://x") == "https://x/"
    assert destination_url("https://x:80/ü?a#b") == "https://x:80/%C3%BC?a#b"
    assert destination_url("https://x?a") == "https://x/?a"
    for text in ("x", "http://x/", "ftp://x/"):
        with pytest.raises(RuleRefused):
            destination_url(text)


def test_what_placeholders_stood_for_is_put_in_once() -> None:
    assert filled("/:a/:b/:a_2/:8", {"a": ":b", "b": "y"}) == "/:b/y/:a_2/:8"
    assert is_dynamic("/:a")
    assert is_dynamic("/*")
    assert not is_dynamic("/a:8")


@pytest.mark.parametrize(
    ("to", "splat", "target"),
    [
        ("/:splat", "/evil.com", "/evil.com"),
        ("/:splat", "\\evil.com", "/evil.com"),
        ("/:splat", "/\\/evil.com", "/evil.com"),
        ("/x?u=http://y//z", "", "/x?u=http://y//z"),
        ("/a//b#c//d", "", "/a/b#c//d"),
        ("https://x.y/:splat", "/a//b", "https://x.y//a//b"),
    ],
)
def test_a_client_does_not_choose_the_site(to: str, splat: str, target: str) -> None:
    assert filled_destination(to, {"splat": splat}) == target


LETTERS = st.text(st.sampled_from("ab/\\:*.%?#é"), max_size=12)


@given(LETTERS, LETTERS)
def test_a_path_stays_one_of_this_site(to: str, splat: str) -> None:
    target = filled_destination(destination_url(f"/{to}"), {"splat": splat, "a": splat})
    assert re.match(r"/(?![/\\])", target) or target == "/"


@given(st.text(st.sampled_from("ab/é ?#:."), max_size=12))
def test_a_rule_without_placeholders_fits_its_own_path_alone(text: str) -> None:
    source = source_url(f"/{text}", may_have_host=False)
    if not is_dynamic(source):
        assert matched(source, standard(source)) == {}
        assert matched(source, standard(source) + "x") is None


def by_expression(source: str, path: str) -> Mapping[str, str] | None:
    """The same by a regular expression, which some paths would keep busy for hours."""
    pieces = re.split(r"(\*|:[a-z])", source)
    kinds = {"*": "(?P<splat>.*)"}
    expression = "".join(
        kinds.get(piece, f"(?P<{piece[1:]}>[^/]+)") if index % 2 else re.escape(piece)
        for index, piece in enumerate(pieces)
    )
    found = re.fullmatch(expression, path)
    return None if found is None else found.groupdict()


PIECES = st.lists(st.sampled_from(["/", "-", "+", "/-", "-/", "+-", ":", "*"]), max_size=8)


@settings(max_examples=500)
@given(PIECES, st.text(st.sampled_from("/-+y"), max_size=10))
@example(["-", ":", "-", "*", "-", ":"], "-y--y-/-y")
@example(["*", "-", ":", "-", ":"], "y-y/-y")
def test_a_shape_fits_as_a_regular_expression_would(pieces: list[str], text: str) -> None:
    names = iter("abcdefgh")
    source = "/" + "".join(f":{next(names)}" if piece == ":" else piece for piece in pieces)
    if source.count("*") < 2:
        assert matched(source, f"/{text}") == by_expression(source, f"/{text}")


def test_no_path_takes_long() -> None:
    path = f"/{'-' * 8000}/"
    assert matched("/:a-:b-:c-:d-:e-:f", path) is None
    assert matched("/:a-:b-:c-*-:d-:e-:f", path) is None
    assert matched("https://:a-:b-:c-:d.x/", "/", f"{'-' * 8000}.y") is None
