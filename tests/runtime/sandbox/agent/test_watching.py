import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.sandbox.asking import Output, SandboxRefused
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


async def events_until(items: AsyncIterator[Any], path: str) -> list[tuple[str, str]]:
    """What is told, up to the first event for a path."""
    found, rest = list[tuple[str, str]](), b""
    async for item in items:
        assert isinstance(item, Output)
        *lines, rest = (rest + item.data).split(b"\n")
        events = [json.loads(line) for line in lines]
        found += [(event["type"], event["path"]) for event in events]
        if any(event["path"] == path for event in events):
            return found
    raise AssertionError("the stream has ended")


async def test_what_changes_in_a_folder_is_told(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir folder; touch folder/old")
    async with sandbox.stream("watch", path="/workspace/folder") as stream:
        items = aiter(stream)
        assert await anext(items) == {"watching": "/workspace/folder"}
        await text_of(sandbox, "cd folder; echo x > new; mv new newer; rm old; touch end")
        events = await events_until(items, "/workspace/folder/end")
    names = [(kind, path.rpartition("/")[2]) for kind, path in events]
    wanted = [("create", "new"), ("modify", "new"), ("move_from", "new"), ("move_to", "newer")]
    wanted += [("delete", "old"), ("create", "end")]
    assert [each for each in names if each in wanted] == wanted


async def test_folders_below_are_watched_too_also_new_ones(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir -p a/b")
    async with sandbox.stream("watch", recursive=True) as stream:
        items = aiter(stream)
        await anext(items)
        await text_of(sandbox, "touch a/b/x")
        await events_until(items, "/workspace/a/b/x")
        await text_of(sandbox, "mkdir a/new")
        await events_until(items, "/workspace/a/new")
        await text_of(sandbox, "touch a/new/y")
        assert ("create", "/workspace/a/new/y") in await events_until(items, "/workspace/a/new/y")


async def test_what_is_not_there_cannot_be_watched(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("watch", path="nothing")
    assert caught.value.code == "FILE_NOT_FOUND"


async def test_who_does_not_read_learns_that_something_was_missed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("watch") as stream:
        items = aiter(stream)
        await anext(items)
        await text_of(sandbox, "for i in $(seq 1 8000); do echo > f$i; done; echo goes on")
        kinds = set[str]()
        async for item in items:
            assert isinstance(item, Output)
            kinds |= {json.loads(line)["type"] for line in item.data.splitlines()}
            if "overflow" in kinds:
                break
    assert "create" in kinds


async def test_only_what_was_asked_for_is_told(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir -p src node_modules/x")
    for fields in ({"include": ["*.py", "end"]}, {"exclude": ["node_modules", "*.js"]}):
        await text_of(sandbox, "rm -f end")
        async with sandbox.stream("watch", recursive=True, **fields) as stream:
            items = aiter(stream)
            await anext(items)
            await text_of(sandbox, "touch node_modules/x/a src/b.js src/c.py end")
            events = await events_until(items, "/workspace/end")
        assert {path for _, path in events} == {"/workspace/src/c.py", "/workspace/end"}


async def test_it_ends_when_what_is_watched_is_gone(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("mkdir", path="folder")
    async with sandbox.stream("watch", path="folder") as stream:
        await sandbox.ask("delete", path="folder", recursive=True)
        assert await stream.answer() == {"reason": "/workspace/folder is there no more"}


async def test_patterns_that_are_none_are_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("watch", include=["[a]"])
    assert caught.value.code == "VALIDATION_FAILED"
