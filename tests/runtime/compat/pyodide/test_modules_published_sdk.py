"""The platform's published SDK, unchanged, runs on these modules: their hardest reader."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("sdk_program.py")
SUBJECTS = Path(sys.prefix) / "subjects"

# Written from API.md, parts 1.3 to 1.8.
EXPECTED: dict[str, Any] = {
    "responses": {
        "repr": "Response(status=201, status_text='Created', "
        "content_type='text/plain;charset=UTF-8')",
        "text": "hi",
        "header": "b",
        "json": ["application/json", {"a": 1}],
        "cookies": ["a", "b"],
        "upgrade": 101,
        "redirect": 301,
        "bad redirect": "ValueError",
        "dict": "TypeError: Unsupported type in Response: dict",
        "used": "BodyUsedError: Response body is already used",
    },
    "requests": {
        "repr": "Request(method='POST', url='https://a.b/c?d')",
        "is POST": True,
        "header": "1",
        "json": {"k": [1]},
        "used": "OSError: Body already used",
        "form": ["Ada", "n.txt", "abc"],
        "blob": [3, "y"],
    },
    "values": {
        "attribute": True,
        "items": [1, None, "x", True],
        "set": [1],
        "tuple": "TypeError: <class 'tuple'> cannot be sent over RPC.",
        "bytearray": "TypeError: <class 'bytearray'> cannot be sent over RPC.",
        "env": ["hello", "patched"],
    },
    "applications": {
        "asgi": [200, "1", "/p qbody end"],
        "wsgi": [["a", "b"], "body end"],
    },
}


@pytest.fixture(scope="module")
def transcript() -> dict[str, Any]:
    assert SUBJECTS.is_dir(), "made by .ci/environment"
    command = [sys.executable, str(PROGRAM), str(SUBJECTS)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


@pytest.mark.parametrize("part", EXPECTED)
def test_what_programs_do_with_the_sdk(transcript: dict[str, Any], part: str) -> None:
    assert transcript[part] == EXPECTED[part]


def test_the_sdk_is_not_importable_where_nobody_asked_for_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import workers"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "No module named 'workers'" in run.stderr
