"""What to write is said in the file's own language."""

import tomllib
from pathlib import Path

import pytest

from perdure.runtime.config.json_text import parse_json
from perdure.runtime.config.snippets import environment, export, migration, setting

TOML, JSON, JSONC = Path("wrangler.toml"), Path("wrangler.json"), Path("wrangler.jsonc")


@pytest.mark.parametrize("path", [JSON, JSONC])
def test_json_gets_json(path: Path) -> None:
    assert setting(path, "name", "x") == '"name": "x"'
    assert migration(path, "v2", "new_classes", ["A"]) == (
        '"migrations": [ ..., { "tag": "v2", "new_classes": ["A"] } ]'
    )
    assert parse_json(f"{{ {environment(path, 'prod')} }}")[0] == {"env": {"prod": {}}}


def test_toml_gets_toml() -> None:
    assert setting(TOML, "name", "x") == 'name = "x"'
    assert migration(TOML, "v2", "new_classes", ["A"]) == (
        '[[migrations]]\ntag = "v2"\nnew_classes = ["A"]'
    )
    assert environment(TOML, "prod") == "[env.prod]"


def test_an_export_is_pasted_as_it_stands() -> None:
    text = export(TOML, "Room", storage="sqlite")
    assert tomllib.loads(text) == {
        "exports": {"Room": {"type": "durable-object", "storage": "sqlite"}}
    }
    assert export(JSON, "Room", state="deleted") == (
        '"exports": { ..., "Room": {"type": "durable-object", "state": "deleted"} }'
    )
