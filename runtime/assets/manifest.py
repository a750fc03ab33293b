"""Which files a directory of assets has: what may be served, and nothing else.

*Promise*: a file that is served was found by a walk through the directory, and lies in it when it
is opened. No path of a request becomes a path of the file system: it is looked up in this list.
"""

import mimetypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...storage.layout import Layout

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".assetsignore"
# As .gitignore has it. The first three are wrangler's; secrets are no assets either. A line that
# begins with ! in IGNORE_FILE takes one of them back.
_NEVER_MEANT = ("/.assetsignore", "/_redirects", "/_headers", ".dev.vars*", ".env*")

# The machine's own table would make answers differ from one machine to the next.
_TYPES = mimetypes.MimeTypes()
for _extension, _type in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    _TYPES.add_type(_type, _extension)
_PACKED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that may be served.

    Attributes:
        location: Where it is, without links on the way.
        content_type: None where nobody knows.
    """

    location: str
    content_type: str | None


def scan(directory: Path) -> Mapping[str, Asset]:
    """All files that may be served, by their names: ``/docs/index.html``.

    Links to files in the directory are followed; those that lead outside are not there, nor are
    those to directories. A directory that does not exist has no files.
    """
    root = os.path.realpath(directory)
    ignored = _ignored(root)
    return dict(_walk(root, "", ignored, f"{root.rstrip(os.sep)}{os.sep}"))


def _ignored(root: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # only servers with assets need it

    try:
        own = Path(root, IGNORE_FILE).read_text("utf-8", "surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        own = []
    return GitIgnoreSpec.from_lines([*_NEVER_MEANT, *own])


def _walk(
    folder: str, name: str, ignored: "GitIgnoreSpec", inside: str
) -> Iterator[tuple[str, Asset]]:
    try:
        entries = [*os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):  # it has gone meanwhile
        return
    if _is_data_directory(folder):
        return
    for entry in entries:
        path = f"{name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if not ignored.match_file(f"{path[1:]}/"):
                yield from _walk(entry.path, path, ignored, inside)
        elif not ignored.match_file(path[1:]):
            location = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if location.startswith(inside) and Path(location).is_file():
                yield path, Asset(location, content_type_of(entry.name))


def _is_data_directory(folder: str) -> bool:
    """What a server keeps of its objects is nobody's to read, wherever it lies."""
    layout = Layout(Path(folder))
    return layout.format_file.exists() and layout.lock_file.exists()


def content_type_of(name: str) -> str | None:
    """By the name's extension; text is said to be UTF-8."""
    kind, packed = _TYPES.guess_type(f"/{name}")
    if packed is not None:
        return _PACKED[packed]
    return f"{kind}; charset=utf-8" if kind is not None and kind.startswith("text/") else kind
