"""The platform's published SDK, unchanged, serves a program: the hardest reader of our modules."""

import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.load import load
from tests.compat.conftest import PROGRAMS
from tests.serving import Serving

SUBJECTS = Path(sys.prefix) / "subjects"

JSON: dict[str, Any] = {
    "vars": ["hello", "hello", "patched", {"rooms": 3, "names": ["a", "b"]}, 3],
    "calls": {
        "echo": ["text"],
    },
    "service": ["prices of http://prices/list", 5, "JsDict"],
    "fetch": [201, "1", "POST bytes", "GET "],
    "room/storage": {},
    "room/sql": [],
}


@pytest.fixture
async def url(serve: Serving, tmp_path: Path) -> str:
    """Of the program, which has the SDK where the platform's tool puts packages."""
    folder = tmp_path / "published_sdk"
    shutil.copytree(PROGRAMS / "published_sdk", folder)
    libraries = folder / "python_modules"
    libraries.mkdir()
    assert SUBJECTS.is_dir(), "made by .ci/environment"
    for name in ("workers", "asgi.py"):
        (libraries / name).symlink_to(SUBJECTS / name)
    loaded = load(folder / "wrangler.toml")
    assert list(loaded.warnings) == []
    server = await serve.start(loaded.config, data_dir=tmp_path / "data")
    return f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("path", JSON)
async def test_what_it_answers(url: str, http: aiohttp.ClientSession, path: str) -> None:
    answer = await http.get(f"{url}/{path}")
    assert answer.status == 200, await answer.text()
    assert await answer.json() == JSON[path]
