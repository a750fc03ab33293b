"""Which files of a directory may be served."""

import os
from pathlib import Path

import pytest

from perdure.runtime.assets.manifest import content_type_of, scan


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_files_are_named_by_their_way_from_the_directory(tmp_path: Path) -> None:
    put(tmp_path, "index.html", "css/a/b.css", ".well-known/x", "with space", "ü")
    assert set(scan(tmp_path)) == {
        "/index.html",
        "/css/a/b.css",
        "/.well-known/x",
        "/with space",
        "/ü",
    }
    assert Path(scan(tmp_path)["/css/a/b.css"].location).read_text() == "css/a/b.css"


def test_a_directory_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    put(tmp_path, "file")
    assert dict(scan(tmp_path / "none")) == dict(scan(tmp_path / "file")) == {}


def test_what_describes_files_is_no_file_but_further_down(tmp_path: Path) -> None:
    names = ("_headers", "_redirects")
    put(tmp_path, *names, *(f"x/{name}" for name in names), "x/.assetsignore")
    (tmp_path / ".assetsignore").write_text("nothing\n")
    assert set(scan(tmp_path)) == {"/x/_headers", "/x/_redirects", "/x/.assetsignore"}


def test_secrets_are_no_files_unless_they_are_asked_for(tmp_path: Path) -> None:
    put(tmp_path, ".env", "a/.env.local", "a/.dev.vars", "a/b")
    assert set(scan(tmp_path)) == {"/a/b"}
    (tmp_path / ".assetsignore").write_text("!.env\n")
    assert set(scan(tmp_path)) == {"/a/b", "/.env"}


def test_what_is_to_be_ignored_is_not_there(tmp_path: Path) -> None:
    put(tmp_path, "a.map", "x/b.map", "x/keep.map", "node_modules/m/index.js", "root/r", "x/root/r")
    (tmp_path / ".assetsignore").write_text("# built\n*.map\n!keep.map\nnode_modules\n/root/\n")
    assert set(scan(tmp_path)) == {"/x/keep.map", "/x/root/r"}


def test_a_link_leads_to_a_file_inside_and_nowhere_else(tmp_path: Path) -> None:
    outside, inside = tmp_path / "secret", tmp_path / "public"
    put(tmp_path, "secret/file", "public2/file", "public/real/file")
    (inside / "good").symlink_to("real/file")
    (inside / "bad").symlink_to(outside / "file")
    (inside / "neighbour").symlink_to("../public2/file")
    (inside / "folder").symlink_to(outside)
    (inside / "own").symlink_to("real")
    (inside / "broken").symlink_to("nothing")
    (inside / "loop").symlink_to("loop")
    files = scan(inside)
    assert set(files) == {"/real/file", "/good"}
    assert Path(files["/good"].location).read_text() == "public/real/file"
    (tmp_path / "link").symlink_to(inside)
    assert set(scan(tmp_path / "link")) == {"/real/file", "/good"}


def test_what_is_no_file_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert dict(scan(tmp_path)) == {}


def test_a_data_directory_is_nobodys_to_read(tmp_path: Path) -> None:
    put(tmp_path, "index.html", "data/FORMAT", "data/LOCK", "data/actors/x.db", "other/FORMAT")
    assert set(scan(tmp_path)) == {"/index.html", "/other/FORMAT"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.PNG", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a:b.txt", "text/plain; charset=utf-8"),
        ("a", None),
    ],
)
def test_the_extension_tells_the_content_type(name: str, kind: str | None) -> None:
    assert content_type_of(name) == kind
