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
    state = path.stat()
    source = FileSource(os.path.realpath(path), state, range(state.st_size))
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


@pytest.mark.parametrize(
    ("size", "asked", "first", "last"),
    [
        (10, "bytes=2-4", 2, 4),
        (10, "bytes=0-", 0, 9),
        (10, "bytes=-3", 7, 9),
        (WHOLE_SIZE_BYTES_MAX + 9, "bytes=5-7", 5, 7),
        (3 * CHUNK_SIZE_BYTES, f"bytes=7-{2 * CHUNK_SIZE_BYTES}", 7, 2 * CHUNK_SIZE_BYTES),
    ],
)
async def test_a_part_of_a_file(
    tmp_path: Path, size: int, asked: str, first: int, last: int
) -> None:
    content = os.urandom(size)
    one = asset(tmp_path / "file", content)
    response = got(one, Range=asked)
    fields = dict(response.header_fields())
    tag = got(one).header_fields()["ETag"]
    assert (response.status, fields) == (
        206,
        {
            "Accept-Ranges": "bytes",
            "Content-Length": str(last + 1 - first),
            "Content-Range": f"bytes {first}-{last}/{size}",
            "Content-Type": "text/plain",
            "ETag": tag,
        },
    )
    assert await response.bytes() == content[first : last + 1]


async def test_parts_that_follow_each_other_are_the_whole(tmp_path: Path) -> None:
    content = os.urandom(5 * WHOLE_SIZE_BYTES_MAX)
    one = asset(tmp_path / "file", content)
    tag = got(one).header_fields()["ETag"]
    parts, at = [], 0
    for step in (1, WHOLE_SIZE_BYTES_MAX, WHOLE_SIZE_BYTES_MAX + 1, len(content)):
        asked = f"bytes={at}-{at + step - 1}"
        parts.append(await got(one, Range=asked, If_Range=tag).bytes())
        at += step
    assert b"".join(parts) == content


def test_a_part_that_there_is_not(tmp_path: Path) -> None:
    response = got(asset(tmp_path / "file", b"abc"), Range="bytes=3-")
    fields = response.header_fields()
    assert (response.status, response.content) == (416, None)
    assert (fields["Content-Range"], fields["Content-Length"]) == ("bytes */3", "0")
    assert "Content-Type" not in fields


async def test_who_has_a_part_of_another_file_gets_the_whole(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    before = got(one).header_fields()["ETag"]
    asset(tmp_path / "file", b"defgh")
    response = got(one, Range="bytes=3-", If_Range=before)
    assert (response.status, await response.bytes()) == (200, b"defgh")
    assert "Content-Range" not in response.header_fields()


def test_who_has_the_whole_file_is_told_so_whatever_part_is_asked_for(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    tag = got(one).header_fields()["ETag"]
    for asked in ("bytes=0-1", "bytes=9-"):
        assert got(one, Range=asked, If_None_Match=tag).status == 304
        assert got(one, Range=asked, If_None_Match='"other"').status in {206, 416}


def test_head_asks_for_no_part(tmp_path: Path) -> None:
    one = asset(tmp_path / "file", b"abc")
    for asked in ("bytes=0-1", "bytes=9-"):
        head = got(one, "HEAD", Range=asked)
        assert (head.status, head.header_fields()["Content-Length"]) == (200, "3")
        assert head.header_fields()["Accept-Ranges"] == "bytes"


def test_a_page_that_says_that_something_is_missing_has_no_parts(tmp_path: Path) -> None:
    one = asset(tmp_path / "404.html", b"missing")
    response = read(one, Request("http://x/", headers={"Range": "bytes=0-1"}), 404)
    assert response is not None
    assert (response.status, response.content) == (404, b"missing")
    assert "Accept-Ranges" not in response.header_fields()


async def test_a_part_of_a_file_that_changes_on_the_way_does_not_look_whole(
    tmp_path: Path,
) -> None:
    one = asset(tmp_path / "file", bytes(3 * CHUNK_SIZE_BYTES))
    response = got(one, Range=f"bytes=1-{2 * CHUNK_SIZE_BYTES}")
    assert response.body is not None
    assert len(await response.body.read_chunk()) == CHUNK_SIZE_BYTES
    (tmp_path / "file").write_bytes(bytes(3 * CHUNK_SIZE_BYTES + 1))
    with pytest.raises(AssetChanged):
        await response.body.read_chunk()
