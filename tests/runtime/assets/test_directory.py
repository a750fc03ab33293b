"""A directory of assets: paths as requests have them, and when it is looked through."""

import asyncio
from pathlib import Path

import pytest
from multidict import CIMultiDict

from perdure.actors.http import Request
from perdure.runtime.assets.directory import FILES_MAX, REST_S, AssetDirectory, path_of, pattern_of
from perdure.runtime.assets.lookup import Elsewhere, Found
from perdure.runtime.config.model import AssetsConfig


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://x/a/b?c/d", "/a/b"),
        ("http://x", "/"),
        ("http://x?a/b", "/"),
        ("http://x//a#?b", "//a"),
        ("http://x/http://y/z", "/http://y/z"),
        ("http://[x/a", "/a"),
    ],
)
def test_a_path_is_what_was_written(url: str, path: str) -> None:
    assert path_of(Request.incoming("GET", url, CIMultiDict[str]())) == path


def test_a_pattern_has_stars_and_nothing_else() -> None:
    assert pattern_of("/a.b/*/c").fullmatch("/a.b/x/y/c")
    assert not pattern_of("/a.b/*/c").fullmatch("/aXb/x/c")
    assert not pattern_of("/a").fullmatch("/a/b")


def test_what_was_asked_for_otherwise_is_sent_to_the_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "@.html").touch()
    assets = AssetDirectory(AssetsConfig(tmp_path))
    assert assets.find("/%40", with_missing=False) == Found("/@.html")
    assert assets.find("/@", with_missing=False) == Elsewhere("/@")
    assert assets.find("/@", with_missing=False, is_exact=False) == Found("/@.html")


async def test_files_are_those_there_were_unless_somebody_develops(tmp_path: Path) -> None:
    fixed, live = (AssetDirectory(AssetsConfig(tmp_path), is_live=each) for each in (False, True))
    (tmp_path / "new").touch()
    found: list[object] = []
    fixed.when_current(lambda: found.append(fixed.find("/new", with_missing=False)), fail)
    assert found == [None]
    done = asyncio.Event()
    live.when_current(done.set, fail)
    assert not done.is_set()
    await done.wait()
    assert live.find("/new", with_missing=False) == Found("/new")


async def test_who_develops_with_many_files_sees_them_a_second_later(tmp_path: Path) -> None:
    for number in range(FILES_MAX + 1):
        (tmp_path / str(number)).touch()
    now = 5.0
    assets = AssetDirectory(AssetsConfig(tmp_path), is_live=True, now=lambda: now)
    done = asyncio.Event()
    assets.when_current(done.set, fail)
    assert done.is_set()
    now += REST_S
    done.clear()
    assets.when_current(done.set, fail)
    assert not done.is_set()
    await done.wait()
