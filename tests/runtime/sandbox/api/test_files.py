"""Files of a sandbox, behind a real wall. What paths may do to it is in agent/test_files.py."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.sandbox.api import files
from perdure.runtime.sandbox.errors import (
    SandboxFileConflict,
    SandboxFileError,
    SandboxFileNotFound,
    SandboxInvalid,
)
from tests.runtime.sandbox.boxes import Boxes


async def test_what_is_written_is_read_again(boxes: Boxes) -> None:
    box = boxes.box()
    written = await box.write_file("/workspace/a.txt", "é")
    assert (written.success, written.path, written.size) == (True, "/workspace/a.txt", 2)
    read = await box.read_file("a.txt")
    assert (read.content, read.encoding, read.is_binary, read.size) == ("é", "utf-8", False, 2)
    assert (read.path, read.mime_type) == ("a.txt", "text/plain")
    assert (await box.exec("cat a.txt")).stdout == "é"
    await box.write_file("a.txt", "b")
    assert (await box.read_file("/workspace/a.txt")).content == "b"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"\x00\xff", "utf-8"), (bytearray(b"\x00\xff"), "utf-8"), ("AP8=", "base64")],
)
async def test_bytes_are_bytes(boxes: Boxes, content: Any, encoding: Any) -> None:
    box = boxes.box()
    if isinstance(content, bytearray):
        content = bytes(content)  # as a call carries it
    await box.write_file("b.png", content, encoding=encoding)
    read = await box.read_file("b.png")
    assert (read.content, read.encoding, read.is_binary) == ("AP8=", "base64", True)
    assert read.mime_type == "image/png"
    assert (await box.read_file("b.png", encoding="utf-8")).content == "\0\ufffd"
    await box.write_file("unknown", b"\xff")
    assert (await box.read_file("unknown")).mime_type == "application/octet-stream"
    text = await box.read_file("/etc/hostname", encoding="base64")
    assert (text.is_binary, base64.b64decode(text.content)) == (False, b"sandbox\n")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(5, "utf-8"), (None, "utf-8"), ("###", "base64"), ("é", "base64"), ("x", "latin-1")],
)
async def test_what_cannot_be_written_leaves_the_file_as_it_was(
    boxes: Boxes, content: Any, encoding: Any
) -> None:
    box = boxes.box()
    await box.write_file("kept", "precious")
    with pytest.raises(SandboxInvalid):
        await box.write_file("kept", content, encoding=encoding)
    assert (await box.read_file("kept")).content == "precious"


async def test_paths_are_shown_without_detours(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("./a", "x")
    assert [each.absolute_path for each in (await box.list_files(".")).files] == ["/workspace/a"]
    await box.mkdir("d")
    assert (await box.move_file("a", "./d//.")).new_path == "/workspace/d/a"
    with pytest.raises(SandboxFileError, match="/workspace/d cannot be moved into itself"):
        await box.move_file("d", "d/e")


async def test_a_stream_of_any_length_can_be_written(boxes: Boxes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(300):
            yield bytes([number % 256]) * 10_000

    async def script() -> int:
        return (await boxes.box().write_file("big", pieces())).size

    assert await boxes.called(script) == 3_000_000
    assert (await boxes.box().exec("wc -c < big")).stdout.strip() == "3000000"


async def test_what_is_too_large_for_an_answer_says_how_to_read_it(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "READ_BYTES_MAX", 10)
    box = boxes.box()
    await box.write_file("ten", "x" * 10)
    assert (await box.read_file("ten")).size == 10
    await box.write_file("eleven", "x" * 11)
    with pytest.raises(SandboxFileError, match="read_file_stream") as raised:
        await box.read_file("eleven")
    assert raised.value.code == "FILE_TOO_LARGE"
    assert raised.value.context == {"path": "eleven", "size": 11}


async def test_as_much_as_an_answer_may_carry_can_be_read(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec(f"head -c {files.READ_BYTES_MAX} /dev/urandom > most")
    read = await box.read_file("most")
    assert (read.size, len(read.content)) == (files.READ_BYTES_MAX, files.CONTENT_BYTES_MAX)
    with pytest.raises(SandboxFileError, match="read it in base64, or as a stream") as raised:
        await box.read_file("most", encoding="utf-8")
    assert raised.value.code == "FILE_TOO_LARGE"


async def test_folders_are_made_listed_and_deleted(boxes: Boxes) -> None:
    box = boxes.box()
    made = await box.mkdir("a/b", recursive=True)
    assert (made.path, made.recursive) == ("a/b", True)
    with pytest.raises(SandboxFileConflict) as raised:
        await box.mkdir("a")
    assert raised.value.code == "FILE_EXISTS"
    await box.write_file("a/b/c.txt", "xyz")
    await box.write_file("a/.hidden", "")
    await box.exec("ln -s b a/link; chmod 750 a/b/c.txt")
    listed = await box.list_files("a")
    assert (listed.path, listed.count, listed.success) == ("a", 2, True)
    assert [(each.name, each.type) for each in listed.files] == [
        ("b", "directory"),
        ("link", "symlink"),
    ]
    below = await box.list_files("/workspace/a", recursive=True, include_hidden=True)
    assert sorted(each.relative_path for each in below.files) == [
        ".hidden",
        "b",
        "b/c.txt",
        "link",
    ]
    [file] = [each for each in below.files if each.name == "c.txt"]
    assert (file.absolute_path, file.size, file.mode) == ("/workspace/a/b/c.txt", 3, "rwxr-x---")
    assert file.permissions == {"readable": True, "writable": True, "executable": True}
    assert file.modified_at.startswith("20")
    with pytest.raises(SandboxFileConflict) as raised:
        await box.delete_file("a")
    assert raised.value.code == "IS_DIRECTORY"
    await box.delete_file("a", recursive=True)
    assert not (await box.exists("a")).exists


async def test_files_are_renamed_and_moved(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("a", "1")
    renamed = await box.rename_file("a", "b")
    assert (renamed.path, renamed.new_path) == ("a", "b")
    await box.mkdir("folder")
    moved = await box.move_file("b", "folder")
    assert moved.new_path == "/workspace/folder/b"
    assert (await box.exists("folder/b")).exists
    assert (await box.delete_file("folder/b")).success
    with pytest.raises(SandboxFileNotFound):
        await box.rename_file("nothing", "something")


@pytest.mark.parametrize("path", ["", "a\0b", 3, None])
async def test_what_is_no_path_is_refused(boxes: Boxes, path: Any) -> None:
    with pytest.raises(SandboxInvalid, match="A path is text"):
        await boxes.box().read_file(path)


async def test_what_is_no_content_is_refused(boxes: Boxes) -> None:
    box = boxes.box()
    wrong: list[tuple[Any, Any, str]] = [
        (3, "utf-8", "not int"),
        ("?", "base64", "no base64"),
        ("x", "latin-1", "encoding is"),
    ]
    for content, encoding, why in wrong:
        with pytest.raises(SandboxInvalid, match=why):
            await box.write_file("x", content, encoding=encoding)
    with pytest.raises(SandboxInvalid, match="encoding is"):
        await box.read_file("x", encoding="latin-1")  # type: ignore[arg-type]  # on purpose
