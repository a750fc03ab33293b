"""Which file a path leads to, or which other path: wrangler's ``html_handling``.

# Pure: it is given the names of the files there are.

A path is decoded and begins with ``/``, and so do the names of files. What a path leads to is
looked for in steps, the first of which holds: a step serves a file, or sends the client to the path
that is the file's own. Such a path is one that would serve this file, and is no file itself.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

# A file, and where the client is sent for it; None: it is served.
_Step = tuple[str, str | None]
_UNRESERVED = "-_.!~*'()"
_SLASHES = re.compile("/+")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to be served, for instance ``/docs/index.html``."""

    file: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The path, decoded, at which the client is to ask again."""

    path: str


def find(files: Container[str], path: str, html_handling: str) -> Found | Elsewhere | None:
    """What ``path`` leads to; None where there is no such file.

    Args:
        files: The names of all files.
        path: What is asked for.
        html_handling: See ``AssetsConfig``.
    """
    steps = _STEPS[html_handling]
    found = _first(files, path, steps)
    # What a destination itself leads to is said at once: /index/index is /index, which is /. Each
    # of them takes a part off the path, so there are no more than it has parts.
    for _ in path.split("/"):
        if not isinstance(found, Elsewhere):
            break
        further = _first(files, found.path, steps)
        if not isinstance(further, Elsewhere):
            break
        found = further
    return found


def _first(
    files: Container[str], path: str, steps: Callable[[str], Iterator[_Step]]
) -> Found | Elsewhere | None:
    """What the first step says that holds."""
    for file, destination in steps(path):
        if destination is None:
            if file in files:
                return Found(file)
        elif destination not in files and _served(files, destination, steps) == file:
            return Elsewhere(destination)
    return None


def find_for_missing(files: Container[str], path: str, not_found_handling: str) -> Found | None:
    """What is served where ``find`` has found nothing; None for nothing.

    Args:
        files: The names of all files.
        path: What was asked for.
        not_found_handling: See ``AssetsConfig``.
    """
    if not_found_handling == "single-page-application":
        return Found("/index.html") if "/index.html" in files else None
    if not_found_handling == "404-page":
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if (page := f"{folder}/404.html") in files:
                return Found(page, 404)
    return None


def decoded(path: str) -> str:
    """A path as files are named; a part whose encoding is none stays as it is."""
    return _SLASHES.sub("/", "/".join(map(_decoded_part, path.split("/"))))


def _decoded_part(part: str) -> str:
    try:
        return unquote_to_bytes(part.encode(errors="surrogatepass")).decode()
    except UnicodeDecodeError:
        return part


def encoded(path: str) -> str:
    """A path as the client is to ask for it: each part of it by ``encodeURIComponent``."""
    return quote(path, safe=f"/{_UNRESERVED}", errors="surrogatepass")


def _served(
    files: Container[str], path: str, steps: Callable[[str], Iterator[_Step]]
) -> str | None:
    """The file that is served at ``path`` itself."""
    for file, destination in steps(path):
        if destination is None and file in files:
            return file
    return None


def _auto(path: str) -> Iterator[_Step]:
    """``/page`` for page.html, ``/page/`` for page/index.html."""
    if path.endswith("/index"):
        folder = path.removesuffix("index")
        yield path, None
        yield f"{path}.html", folder
        yield f"{folder[:-1]}.html", folder[:-1]
    elif path.endswith("/index.html"):
        folder = path.removesuffix("index.html")
        yield path, folder
        yield f"{folder[:-1]}.html", folder[:-1]
    elif path.endswith("/"):
        yield f"{path}index.html", None
        yield f"{path[:-1]}.html", path[:-1]
    elif path.endswith(".html"):
        page = path.removesuffix(".html")
        yield path, page
        yield f"{page}/index.html", f"{page}/"
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", f"{path}/"


def _forced(path: str) -> Iterator[_Step]:
    """``/page/`` for both."""
    if path.endswith("/index"):
        folder = path.removesuffix("index")
        yield path, None
        yield f"{path}.html", folder
        yield f"{folder[:-1]}.html", folder
    elif path.endswith("/index.html"):
        folder = path.removesuffix("index.html")
        yield path, folder
        yield f"{folder[:-1]}.html", folder
    elif path.endswith("/"):
        yield f"{path}index.html", None
        yield f"{path[:-1]}.html", None
    elif path.endswith(".html"):
        page = path.removesuffix(".html")
        yield path, f"{page}/"
        yield path, None
        yield f"{page}/index.html", f"{page}/"
    yield path, None
    yield f"{path}.html", f"{path}/"
    yield f"{path}/index.html", f"{path}/"


def _dropped(path: str) -> Iterator[_Step]:
    """``/page`` for both."""
    if path in {"/index", "/index.html"}:
        if path == "/index":
            yield path, None
        yield "/index.html", "/"
    elif path.endswith("/index"):
        page = path.removesuffix("/index")
        yield path, None
        yield f"{page}.html", page
        yield f"{path}.html", page
    elif path.endswith("/index.html"):
        page = path.removesuffix("/index.html")
        yield path, page
        yield path, None
        yield f"{page}.html", page
    elif path == "/":
        yield "/index.html", None
    elif path.endswith("/"):
        page = path[:-1]
        yield f"{page}.html", page
        yield f"{page}/index.html", page
    elif path.endswith(".html"):
        page = path.removesuffix(".html")
        yield path, page
        yield f"{page}/index.html", page
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", None


def _plain(path: str) -> Iterator[_Step]:
    """``/page.html`` for page.html."""
    yield path, None


_STEPS: Mapping[str, Callable[[str], Iterator[_Step]]] = {
    "auto-trailing-slash": _auto,
    "force-trailing-slash": _forced,
    "drop-trailing-slash": _dropped,
    "none": _plain,
}
