"""Which URLs can be asked for, and how they are written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from perdure.actors.http_errors import InvalidUrl
from perdure.actors.url import absolute_url


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("http://do", "http://do/"),
        ("http://do/", "http://do/"),
        ("http://do?x=1", "http://do/?x=1"),
        ("http://do#part", "http://do/#part"),
        ("HTTP://EXAMPLE.com:80/Path", "http://example.com/Path"),
        ("http://example.com:8787/x", "http://example.com:8787/x"),
        ("http://example.com/a b?q=é", "http://example.com/a%20b?q=%C3%A9"),
        ("http://example.com/../a/./b", "http://example.com/a/b"),
        ("  http://example.com/x\n", "http://example.com/x"),
        ("ws://example.com/chat", "ws://example.com/chat"),
        ("wss://exämple.com/", "wss://xn--exmple-cua.com/"),
        ("http://[::1]:8787/", "http://[::1]:8787/"),
        ("http://user:word@example.com/", "http://user:word@example.com/"),
    ],
)
def test_a_url_is_written_as_it_travels(given_url: str, expected: str) -> None:
    text, _ = absolute_url(given_url)
    assert text == expected
    assert absolute_url(URL(given_url.strip()))[0] == expected


@pytest.mark.timeout(20)  # it used to double with each letter
def test_a_long_path_that_has_to_be_encoded_takes_no_time() -> None:
    url = f"http://example.com/{'a' * 50_000}"
    assert absolute_url(f"{url}/é")[0] == f"{url}/%C3%A9"


@pytest.mark.parametrize(
    "url", ["/x", "", "x", "example.com/x", "//example.com/x", "http://", "http:///x", "?q"]
)
def test_a_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl, match="Invalid URL: ") as caught:
        absolute_url(url)
    assert caught.value.url == url


@pytest.mark.parametrize("url", ["ftp://example.com/", "mailto:a@b", "file:///x", "javascript:x"])
def test_another_scheme_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl, match="its scheme must be http, https, ws or wss"):
        absolute_url(url)


@pytest.mark.parametrize(
    "url", ["http://h:99999/", "http://h:port/", "http://a b/", "http://a<b/", "http://[::1/"]
)
def test_a_broken_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl, match="Invalid URL: http://"):
        absolute_url(url)


@pytest.mark.parametrize("url", [None, 5, b"http://example.com/"])
def test_what_is_no_text_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        absolute_url(url)


SOME_URLS = st.from_regex(
    r"(http|https|ws|wss)://[a-z0-9.\-A-Z:]{1,8}[/A-Za-z0-9._~%?&=\-]{0,16}", fullmatch=True
)


@given(SOME_URLS)
@example("http://h/a/../b")
@example("http://h//a")
@example("http://h/a.b/.c")
@example("http://h/?a=b?c")
def test_the_short_way_writes_what_the_long_way_writes(url: str) -> None:
    try:
        text, parsed = absolute_url(url)
    except InvalidUrl:
        return
    if parsed is None:
        assert text == url == absolute_url(URL(url))[0]
