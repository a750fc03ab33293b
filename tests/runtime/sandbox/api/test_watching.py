"""Watching files, behind a real wall."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import SandboxFileNotFound, SandboxInvalid
from tests.runtime.sandbox.boxes import Boxes


async def until_event(events: AsyncIterator[dict[str, Any]], path: str) -> list[tuple[str, str]]:
    """What is told, up to the first event for a path."""
    found = []
    async for event in events:
        assert event["type"] == "event", event
        assert event["timestamp"].endswith("Z")
        found.append((event["event_type"], event["path"]))
        if event["path"] == path:
            return found
    raise AssertionError("the stream has ended")


async def test_what_changes_after_the_call_has_returned_is_told(boxes: Boxes) -> None:
    box = boxes.box()
    await box.mkdir("folder/.git", recursive=True)
    events = parse_sse_stream(await box.watch("folder"))
    await box.exec("cd folder; touch .git/x; chmod 700 .git; mkdir a; touch a/b; touch end")
    first = await anext(events)
    assert (first["type"], first["path"]) == ("watching", "/workspace/folder")
    assert first["watch_id"].startswith("watch-")
    assert await until_event(events, "/workspace/folder/end") == [
        ("create", "/workspace/folder/a"),
        ("create", "/workspace/folder/a/b"),
        ("create", "/workspace/folder/end"),
    ]


async def test_patterns_say_what_is_told(boxes: Boxes) -> None:
    box = boxes.box()
    only = parse_sse_stream(await box.watch("/workspace", include=["*.py"]))
    but = parse_sse_stream(await box.watch("/workspace", exclude=["*.txt"], recursive=False))
    await box.exec("mkdir node_modules; touch a.txt node_modules/a.py b.py")
    await anext(only)
    await anext(but)
    assert [path for _, path in await until_event(only, "/workspace/b.py")] == [
        "/workspace/node_modules/a.py",
        "/workspace/b.py",
    ]
    assert [path for _, path in await until_event(but, "/workspace/b.py")] == [
        "/workspace/node_modules",
        "/workspace/b.py",
    ]


async def test_the_stream_ends_with_why(boxes: Boxes) -> None:
    box = boxes.box()
    await box.mkdir("folder")
    gone = [event async for event in await _events(box, "folder", "rmdir folder")]
    assert gone[-1] == {"type": "stopped", "reason": "/workspace/folder is there no more"}
    events = parse_sse_stream(await box.watch("/workspace"))
    await box.destroy()
    ended = [event async for event in events]
    assert ended[-1]["type"] == "stopped"
    assert ended[-1]["reason"] in {"The sandbox was destroyed", "The sandbox has ended"}
    assert (await box.exec("echo again")).success


async def _events(box: Any, path: str, command: str) -> AsyncIterator[dict[str, Any]]:
    stream = await box.watch(path)
    await box.exec(command)
    return parse_sse_stream(stream)


async def test_who_stops_reading_stops_the_watch(boxes: Boxes) -> None:
    box = boxes.box()
    streams = [await box.watch("/workspace") for _ in range(2)]
    count = "ls -l /proc/*/fd 2>/dev/null | grep -c inotify"
    assert (await box.exec(count)).stdout.strip() == "2"
    for stream in streams:
        stream.cancel()
    async with asyncio.timeout(60):
        while (await box.exec(count)).stdout.strip() != "0":
            await asyncio.sleep(0.01)


async def test_what_is_not_there_cannot_be_watched(boxes: Boxes) -> None:
    box = boxes.box()
    with pytest.raises(SandboxFileNotFound, match="nothing"):
        await box.watch("nothing")
    with pytest.raises(SandboxFileNotFound):
        await box.check_changes("/no/such/folder")


async def test_arguments_that_make_no_sense_are_refused(boxes: Boxes) -> None:
    box = boxes.box()
    for more in (
        {"include": ["a"], "exclude": ["b"]},
        {"include": "*.py"},
        {"exclude": ["[a]"]},
        {"exclude": [5]},
    ):
        with pytest.raises(SandboxInvalid):
            await box.watch("/workspace", **more)
    with pytest.raises(SandboxInvalid, match="path"):
        await box.watch("")


async def test_who_was_away_learns_whether_something_changed(boxes: Boxes) -> None:
    box = boxes.box()
    await box.mkdir("/workspace/src")
    first = await box.check_changes("src")
    assert (first.success, first.status, first.reason) == (True, "unchanged", None)
    await box.exec("mkdir src/node_modules; touch src/node_modules/x; touch x")
    assert (await box.check_changes("src", since=first.version)).status == "unchanged"
    await box.write_file("src/a", "x")
    changed = await box.check_changes("src", since=first.version)
    assert changed.status == "changed"
    assert (await box.check_changes("src", since=changed.version)).status == "unchanged"
    with pytest.raises(SandboxInvalid, match="since"):
        await box.check_changes("src", since="gibberish")
    await box.destroy()
    await box.mkdir("src")
    again = await box.check_changes("src", since=changed.version)
    assert (again.status, again.reason) == ("resync", "restarted")


async def test_without_a_wall_paths_are_called_the_same(open_boxes: Boxes) -> None:
    box = open_boxes.box()
    await box.mkdir("/workspace/folder")
    events = parse_sse_stream(await box.watch("/workspace/folder"))
    await box.write_file("/workspace/folder/x", "")
    assert (await anext(events))["path"] == "/workspace/folder"
    assert (await anext(events))["path"] == "/workspace/folder/x"
