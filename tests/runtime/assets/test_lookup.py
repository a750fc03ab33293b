"""Which file a path leads to: one directory, read in each of wrangler's ways."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perdure.runtime.assets.lookup import (
    Elsewhere,
    Found,
    decoded,
    encoded,
    find,
    find_for_missing,
)
from perdure.runtime.config.assets import HTML_HANDLING

FILES = {
    "/index.html",
    "/about.html",
    "/docs/index.html",
    "/both.html",
    "/both/index.html",
    "/bare",
    "/bin/index",
    "/logo.png",
}
AUTO, FORCED, DROPPED, NONE = HTML_HANDLING

# What is asked for: a file, or "> path" for a redirect, or "" for nothing; for each way.
TABLE = {
    "/": ("/index.html", "/index.html", "/index.html", ""),
    "/index": ("> /", "> /", "> /", ""),
    "/index.html": ("> /", "> /", "> /", "/index.html"),
    "/about": ("/about.html", "> /about/", "/about.html", ""),
    "/about/": ("> /about", "/about.html", "> /about", ""),
    "/about.html": ("> /about", "> /about/", "> /about", "/about.html"),
    "/about/index": ("> /about", "> /about/", "> /about", ""),
    "/about/index.html": ("> /about", "> /about/", "> /about", ""),
    "/docs": ("> /docs/", "> /docs/", "/docs/index.html", ""),
    "/docs/": ("/docs/index.html", "/docs/index.html", "> /docs", ""),
    "/docs.html": ("> /docs/", "> /docs/", "> /docs", ""),
    "/docs/index": ("> /docs/", "> /docs/", "> /docs", ""),
    "/docs/index.html": ("> /docs/", "> /docs/", "> /docs", "/docs/index.html"),
    "/both": ("/both.html", "> /both/", "/both.html", ""),
    "/both/": ("/both/index.html", "/both/index.html", "> /both", ""),
    "/both.html": ("> /both", "/both.html", "> /both", "/both.html"),
    "/both/index.html": ("> /both/", "> /both/", "/both/index.html", "/both/index.html"),
    "/bare": ("/bare", "/bare", "/bare", "/bare"),
    "/bin/index": ("/bin/index", "/bin/index", "/bin/index", "/bin/index"),
    "/logo.png": ("/logo.png", "/logo.png", "/logo.png", "/logo.png"),
    "/logo": ("", "", "", ""),
    "/bare/": ("", "", "", ""),
}


@pytest.mark.parametrize("path", TABLE)
def test_a_path_leads_where_the_html_handling_says(path: str) -> None:
    def told(found: Found | Elsewhere | None) -> str:
        if found is None:
            return ""
        return found.file if isinstance(found, Found) else f"> {found.path}"

    ways = (AUTO, FORCED, DROPPED, NONE)
    assert tuple(told(find(FILES, path, way)) for way in ways) == TABLE[path]


NAMES = st.lists(st.sampled_from(["a", "index", "index.html", "a.html", ""]), max_size=3)
PATHS = NAMES.map(lambda parts: decoded("/" + "/".join(parts)))


@given(
    st.sets(PATHS.filter(lambda path: not path.endswith("/"))),
    PATHS,
    st.sampled_from(HTML_HANDLING),
)
@example({"/index.html"}, "/index/index", AUTO)
@example({"/index.html", "/index/index.html"}, "/index/index/index", DROPPED)
def test_a_redirect_leads_to_a_file_at_once(files: set[str], path: str, way: str) -> None:
    found = find(files, path, way)
    if isinstance(found, Elsewhere):
        assert found.path != path
        again = find(files, found.path, way)
        assert isinstance(again, Found)
        found = again
    assert found is None or found.file in files


def test_missing_files_are_answered_as_the_configuration_says() -> None:
    files = {"/index.html", "/404.html", "/docs/404.html"}
    assert find_for_missing(files, "/x", "none") is None
    assert find_for_missing(files, "/x/y", "single-page-application") == Found("/index.html")
    assert find_for_missing(files, "/docs/a/b", "404-page") == Found("/docs/404.html", 404)
    assert find_for_missing(files, "/docs", "404-page") == Found("/404.html", 404)
    for handling in ("single-page-application", "404-page"):
        assert find_for_missing(set(), "/docs/a", handling) is None


def test_a_path_is_decoded_part_by_part() -> None:
    assert decoded("/a%20b//c%2Fd") == "/a b/c/d"
    assert decoded("/%C3%BC/%FF/%zz") == "/ü/%FF/%zz"
    assert decoded("/\udcff%41") == "/\udcff%41"


def test_a_path_is_encoded_as_javascript_would() -> None:
    assert encoded("/[a]/@b c/ü~!*'()") == "/%5Ba%5D/%40b%20c/%C3%BC~!*'()"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_encoded_path_is_the_same_path(text: str) -> None:
    path = decoded(encoded(f"/{text}"))
    assert decoded(encoded(path)) == path
