"""What stands in for large modules does what those do, as far as the agent needs it."""

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.agent.bundle import agent_program
from perdure.runtime.sandbox.agent.stand_ins import Suppress, dumps, has_json, loads

# Texts with lone surrogates, too: names of files that are no UTF-8.
TEXTS = st.text(st.characters(exclude_categories=()))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)
# What the agent needs nothing of, each of which takes longer to import than the agent does.
LARGE = (
    "collections",
    "contextlib",
    "enum",
    "functools",
    "json",
    "re",
    "signal",
    "socket",
    "typing",
)


@given(VALUES)
def test_json_is_written_as_ever_and_read_back(value: Any) -> None:
    assert dumps(value) == json.dumps(value)
    written = dumps(value, separators=(",", ":"))
    assert written == json.dumps(value, separators=(",", ":"))
    assert loads(written) == loads(written.encode()) == value


@given(st.binary(max_size=40) | TEXTS.map(lambda text: text.encode(errors="replace")))
def test_what_is_no_json_is_a_value_error_as_ever(data: bytes) -> None:
    try:
        expected = json.loads(data.decode())
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            loads(data)
    else:
        found = loads(data)
        assert found == expected or (math.isnan(found) and math.isnan(expected))  # type: ignore[arg-type]  # floats


def test_this_python_has_what_json_is_made_of_here() -> None:
    assert has_json


def test_what_cannot_be_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is no JSON"):
        dumps({"a": {1}})


def test_what_is_named_is_suppressed_and_nothing_else() -> None:
    for suppress in (Suppress, contextlib.suppress):
        with suppress(KeyError, OSError):
            raise FileNotFoundError
        with pytest.raises(ValueError, match="x"), suppress(KeyError):
            raise ValueError("x")


def test_the_agent_imports_none_of_the_large_ones(tmp_path: Path) -> None:
    """And what is imported later, for what is seldom asked for, is the real thing."""
    program = tmp_path / "agent.pyc"
    program.write_bytes(agent_program())
    code = f"""
import sys
sys.argv = ["agent", "no number"]
try:
    exec(__import__("marshal").loads(open({str(program)!r}, "rb").read()[16:]))
except ValueError:
    pass
files = [str(getattr(sys.modules.get(name), "__file__", "")) for name in {LARGE!r}]
names = [name for name in files if name.endswith(".py")]
print(names, "sandbox.agent.agent" in sys.modules, "json" in sys.modules)
import collections, re
print(collections.namedtuple.__name__, sys.modules["sandbox.wire"].json.loads("[1]"))
"""
    command = [sys.executable, "-I", "-S", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout == "[] True False\nnamedtuple [1]\n"
