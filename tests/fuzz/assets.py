"""Fuzzing of what paths of requests reach among assets, led by coverage.

    pip install atheris
    python -m tests.fuzz.assets -max_total_time=60 [further options of libFuzzer]

Paths, and the texts of ``_redirects`` and ``_headers``, out of arbitrary bytes; the files are real,
and so is what lies beside them, to which links lead. hypothesis (tests/runtime/assets) tries what
somebody thought of. It ends with a crash, and the bytes that make it, when a file is opened that
is nobody's to read, a redirect to a path leads to another site, a header ends its line, something
raises, takes too long (-timeout), or too much memory (-rss_limit_mb).
"""

import importlib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from multidict import CIMultiDict

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(include=["perdure.runtime.assets"]):
    from perdure.actors.http import Request
    from perdure.runtime.assets.directory import AssetDirectory, path_of
    from perdure.runtime.assets.files import FileSource, read
    from perdure.runtime.assets.header_rules import parse_headers
    from perdure.runtime.assets.lookup import Elsewhere, Found, encoded
    from perdure.runtime.assets.manifest import scan
    from perdure.runtime.assets.redirects import PROXY, Redirected, parse_redirects
    from perdure.runtime.config.assets import HTML_HANDLING, NOT_FOUND_HANDLING
    from perdure.runtime.config.model import AssetsConfig

OURS = b"ours"
WORDS = [
    "/",
    "..",
    "%2e%2e",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "index.html",
    "link",
    "folder",
    "a",
    "%C0%AE",
]
RULES = """
/proxied/* /:splat 200
/to/* /:splat
/out/:a https://example.com/:a
"""


def site() -> Path:
    """A directory of assets among files that are nobody's to read."""
    house = Path(tempfile.mkdtemp(prefix="fuzz-assets-"))
    for name in ("secret", "secret.html", "index.html", "404.html", "public2/secret"):
        (house / name).parent.mkdir(exist_ok=True)
        (house / name).write_text("SECRET")
    public = house / "public"
    (public / "a").mkdir(parents=True)
    for name in ("index.html", "404.html", "a/index.html", "a.html", "a/b", "a/.c", "a/%2e"):
        (public / name).write_bytes(OURS)
    (public / ".env").write_text("SECRET")
    (public / "_headers").write_text("/*\n  X-Path: :splat\n")
    (public / "_redirects").write_text(RULES)
    (public / "inside").symlink_to("a/b")
    (public / "link").symlink_to("../secret")
    (public / "link.html").symlink_to("../secret.html")
    (public / "folder").symlink_to("..")
    (public / "a" / "up").symlink_to("../..")
    return public


SITE = site()
ASSETS = [
    AssetDirectory(AssetsConfig(SITE, html_handling=html, not_found_handling=missing))
    for html in HTML_HANDLING
    for missing in NOT_FOUND_HANDLING
]
FILES = scan(SITE)


def path_from(source: Any) -> str:
    """What a request may ask for, and words in it that have a meaning.

    The parser refuses targets that are not ASCII.
    """
    parts = [
        source.PickValueInList(WORDS)
        if source.ConsumeBool()
        else source.ConsumeBytes(source.ConsumeIntInRange(0, 12)).decode("ascii", "ignore")
        for _ in range(source.ConsumeIntInRange(0, 8))
    ]
    begin: str = source.PickValueInList(["", "/", "proxied/", "to/"])
    return f"/{begin}{''.join(parts)}"


def one_path(source: Any) -> None:
    """What a request for a path is answered with."""
    assets = source.PickValueInList(ASSETS)
    request = Request.incoming("GET", f"http://x{path_from(source)}", CIMultiDict[str]())
    path, with_missing = path_of(request), source.ConsumeBool()
    found = assets.find(path, with_missing=with_missing, is_exact=source.ConsumeBool())
    if isinstance(found, Elsewhere):
        again = assets.find(encoded(found.path), with_missing=True)
        assert isinstance(again, Found | Redirected), (path, found, again)
    elif isinstance(found, Redirected):
        assert found.status != PROXY
        assert re.match(r"https://example\.com/|/(?![/\\])|/$", found.location("q")), found
    elif isinstance(found, Found):
        response = read(FILES[found.file], request, found.status)
        assert response is not None
        assert not isinstance(response.content, FileSource)
        assert response.content == OURS, (path, found)


def one_file_of_rules(source: Any) -> None:
    """Rules that somebody wrote, and a path that somebody asks for."""
    path = path_from(source)
    text = source.ConsumeBytes(source.remaining_bytes()).decode("utf-8", "replace")
    redirects, problems = parse_redirects(text, Path("_redirects"), "auto-trailing-slash")
    assert all(problem.line is not None for problem in problems)
    found = redirects.find(path)
    if found is not None and not found.to.startswith("https://"):
        assert re.match(r"/(?![/\\])|/$", found.to), found
    headers, problems = parse_headers(text, Path("_headers"))
    assert all(problem.line is not None for problem in problems)
    fields = CIMultiDict({"ETag": "x"})
    headers.apply(fields, "x", path)
    for name, value in fields.items():
        assert not re.search(r"[\r\n\0]", name + value)


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    source = ATHERIS.FuzzedDataProvider(data)
    source.PickValueInList([one_path, one_path, one_file_of_rules])(source)


def main() -> None:
    """Run until told otherwise."""
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
