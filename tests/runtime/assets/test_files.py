"""Files as answers."""

import os
from pathlib import Path

import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.assets.files import (
    CACHE_CONTROL,
    CHUNK_SIZE_BYTES,
    WHOLE_SIZE_BYTES_MAX,
    AssetChanged,
    FileSource,
    read,
    tag_of,
)
from perdure.runtime.assets.manifest import Asset


def asset(path: Path, content: bytes) -> Asset:
    path.write_bytes(content)
    return Asset(os.path.realpath(path), "text/plain")


def got(one: Asset, method: str = "GET", **headers: str) -> Response:
    request = Request(
        "http://x/",
        method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    response = read(one, request, 200)
    assert response is not None
    return response


async def test_a_short_file_is_whole_and_a_long_one_in_pieces(tmp_path: Path) -> None:
    for size in (0, 1, WHOLE_SIZE_BYTES_MAX, WHOLE_SIZE_BYTES_MAX + 1, 2 * CHUNK_SIZE_BYTES + 5):
        content = os.urandom(size)
        response = got(asset(tmp_path / "file", content))
        assert response.header_fields()["Content-Length"] == str(size)
        assert isinstance(response.content, bytes) == (size <= WHOLE_SIZE_BYTES_MAX)
        assert await response.bytes() == content


def test_head_tells_of_what_a_get_would_bring(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    head, whole = got(one, "HEAD"), got(one)
    assert head.content is None
    assert dict(head.header_fields()) == dict(whole.header_fields())


def test_who_has_it_does_not_get_it_again(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    tag = got(one).header_fields()["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = got(one, If_None_Match=known)
        assert (response.status, response.content) == (304, None)
        assert response.header_fields()["ETag"] == tag
    for other in ('"other"', "", tag.strip('"')):
        assert got(one, If_None_Match=other).status == 200
    asset(tmp_path / "file", b"abcd")
    assert got(one, If_None_Match=tag).status == 200


def test_caches_ask_each_time_and_keep_nothing_of_one_user(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    assert got(one).header_fields()["Cache-Control"] == CACHE_CONTROL
    assert "Cache-Control" not in got(one, Authorization="Basic x").header_fields()
    assert "Cache-Control" not in got(one, Range="bytes=0-1").header_fields()


def test_what_is_no_file_any_more_is_not_there(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    (tmp_path / "file").unlink()
    assert read(one, Request("http://x/"), 200) is None
    (tmp_path / "file").mkdir()
    assert read(one, Request("http://x/"), 200) is None


def test_a_link_that_took_its_place_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "public" / "a"
    folder.mkdir(parents=True)
    one = asset(folder / "file", b"abc")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_bytes(b"secret")
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "other")
    assert read(one, Request("http://x/"), 200) is None


async def test_a_file_that_changes_on_the_way_does_not_look_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * CHUNK_SIZE_BYTES))
    source = FileSource(os.path.realpath(path), path.stat())
    assert len(await source.read_chunk()) == CHUNK_SIZE_BYTES
    path.write_bytes(bytes(2 * CHUNK_SIZE_BYTES + 1))
    for _ in range(2):
        with pytest.raises(AssetChanged, match=r"file was changed while it was sent"):
            await source.read_chunk()
    path.unlink()
    with pytest.raises(AssetChanged):
        await source.read_chunk()
    source.cancel()
    assert await source.read_chunk() == b""


async def test_a_short_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    one = asset(path, b"before")
    pread, contents = os.pread, [b"meanwhile", b"and again"]

    def change_and_read(descriptor: int, size: int, at: int) -> bytes:
        if contents:
            path.write_bytes(contents.pop(0))
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "pread", change_and_read)
    response = got(one)
    assert await response.bytes() == b"and again"
    assert response.header_fields()["Content-Length"] == "9"
    contents += [b"x" * size for size in range(1, 5)]
    with pytest.raises(AssetChanged):
        got(one)


def test_another_content_has_another_tag(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    before = tag_of(path.stat())
    path.write_bytes(b"abcd")
    assert tag_of(path.stat()) != before
    assert before.startswith('"')
