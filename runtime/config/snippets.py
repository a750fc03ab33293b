"""What to write into a configuration, in the language that the file is in."""

import json
from collections.abc import Sequence
from pathlib import Path

JSON = (".json", ".jsonc")


def setting(path: Path, key: str, value: object) -> str:
    """Return a key with its value: ``name = "x"``, or ``"name": "x"``."""
    text = json.dumps(value, ensure_ascii=False)
    return f"{json.dumps(key)}: {text}" if path.suffix in JSON else f"{key} = {text}"


def migration(path: Path, tag: str, key: str, classes: Sequence[str]) -> str:
    """Return a step of ``migrations`` with one list."""
    fields = [setting(path, "tag", tag), setting(path, key, list(classes))]
    if path.suffix in JSON:
        return f'"migrations": [ ..., {{ {", ".join(fields)} }} ]'
    return "\n".join(["[[migrations]]", *fields])


def environment(path: Path, name: str) -> str:
    """Return the beginning of an environment."""
    return f'"env": {{ {json.dumps(name)}: {{ }} }}' if path.suffix in JSON else f"[env.{name}]"


def export(path: Path, class_name: str, **fields: str) -> str:
    """Return an entry of ``exports``."""
    all_fields = {"type": "durable-object", **fields}
    if path.suffix in JSON:
        return f'"exports": {{ ..., {json.dumps(class_name)}: {json.dumps(all_fields)} }}'
    lines = [setting(path, key, value) for key, value in all_fields.items()]
    return "\n".join([f"[exports.{class_name}]", *lines])
