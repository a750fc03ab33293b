"""Calls between Workers and objects in the platform's style."""

from pathlib import Path

import aiohttp

from perdure.runtime.config.together import load_together
from tests.compat.conftest import PROGRAMS
from tests.serving import Serving

UNSENDABLE = 'Could not serialize object of type "{}". This type does not support serialization.'
FILES = [PROGRAMS / "rpc" / "wrangler.jsonc", PROGRAMS / "rpc" / "prices" / "wrangler.toml"]


async def test_functions_stubs_and_services_work_as_there(
    serve: Serving, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    loaded = load_together(FILES)
    assert loaded.warnings == ()
    server = await serve.start(loaded.config, data_dir=tmp_path / "data")
    transcript = {
        "objects": [[1, 2], ["tea", "cup"], ["TEA", "CUP", "TEA", "CUP"]],
        "results": ["tea", 2, 2],
        "service": [203, {"price": 8}],
        "methods": [{"price": 4, "currency": "?"}, "USD", 1],
        "callbacks": [[2, 6], 2, "6 EUR"],
        "blobs": ["text", "text/plain", 2, "a.csv", 5, [3, "a.csv", 3]],
        "streams": [["a", "b", "end"], "ab", "onetwo", "onetwo", "onetwo", ["x"]],
        "refused": [
            ["DataCloneError", UNSENDABLE.format(name)]
            for name in ("DurableObjectNamespace", "DurableObjectId", "ExecutionContext", "URL")
        ],
        "signals": [
            [
                [False, True, "enough"],
                [False, True, "AbortError: The operation was aborted"],
            ],
            [True, True, "Error: from the start"],
            "OSError: from the start",
        ],
        "passed_on": "6 EUR",
        "props": [
            ["hello ann", "hello bob", "hello eve", "who is it?"],
            "hello ann",
            ["hello bob", "hello bob"],
            ["read", 2, {"rights": ["read", "sell"]}],
            {},
        ],
        "exports": [1, "6 EUR"],
    }
    for name, expected in transcript.items():
        answer = await http.get(f"{server.url}/{name}")
        assert answer.status == 200, (name, await answer.text())
        assert await answer.json(content_type=None) == expected, name
