"""Patterns of paths and values."""

import pytest

from perdure.runtime.config.firewall.globs import path_regex, value_regex


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/", "", True),
        ("/", "/a", False),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a", "/A", False),
        ("/a", "/ab", False),
        ("/a*", "/ab", True),
        ("/a*", "/a", True),
        ("/a*", "/a/b", False),
        ("/*/b", "/a/b", True),
        ("/*/b", "/a/c/b", False),
        ("/**", "", True),
        ("/**", "/a/b", True),
        ("/a/**", "/a", True),
        ("/a/**", "/a/b/c", True),
        ("/a/**", "/ab", False),
        ("/a/**/c", "/a/c", True),
        ("/a/**/c", "/a/b/b/c", True),
        ("/a/**/c", "/a/bc", False),
        ("/**/*.php", "/x/y/z.php", True),
        ("/**/*.php", "/z.php", True),
        ("/**/*.php", "/z.phpx", False),
        ("/a?", "/ab", True),
        ("/a?", "/a/", False),
        ("/a*c*e", "/abcde", True),
        ("/a*c*e", "/ace", True),
        ("/a*c*e", "/aec", False),
        ("/[a].{b}", "/[a].{b}", True),
        ("/a", "/a\n", False),
        ("/a/**", "/a/\n", True),
    ],
)
def test_a_path_fits(pattern: str, path: str, fits: bool) -> None:
    assert bool(path_regex(pattern).fullmatch(path)) == fits


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("a", 'A path begins with a slash: "/a"'),
        ("", 'A path begins with a slash: "/**"'),
        ("**", 'A path begins with a slash: "/**"'),
        ("/a**", '"**" is a segment of its own'),
        ("/**/a/**", '"**" may stand once'),
        ("/a?b=c", 'What stands behind "?" is matched by the key "query".'),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        path_regex(pattern)
    assert str(refused.value).startswith(hint)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("abc", "abc", True),
        ("abc", "ABC", True),
        ("*bot*", "Googlebot/2.1", True),
        ("*bot*", "a browser", False),
        ("a/*/c", "a/b/b/c", True),
        ("v?", "v1", True),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("*a*b", "xaxb", True),
        ("*a*b", "xbxa", False),
    ],
)
def test_a_value_fits(pattern: str, value: str, fits: bool) -> None:
    assert bool(value_regex(pattern, ignore_case=True).fullmatch(value)) == fits


def test_case_can_matter() -> None:
    assert not value_regex("abc", ignore_case=False).fullmatch("ABC")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*b", "/*a*a*a*a*a*a*b", "/**/*a*a*a*a*a*a*b"])
def test_no_text_is_slow_to_match(pattern: str) -> None:
    text = "/" + "a" * 60_000
    regex = path_regex(pattern) if pattern[0] == "/" else value_regex(pattern, ignore_case=True)
    assert regex.fullmatch(text) is None
    assert path_regex("/**/a/a/a/*b").fullmatch("/a" * 30_000) is None
