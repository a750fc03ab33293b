"""The names that ``perdure`` has for sandboxes."""

import subprocess
import sys

import pytest

import perdure
from perdure.runtime.sandbox import public


def test_perdure_has_them_all() -> None:
    assert public.__all__ == sorted(public.__all__, key=str)
    for name in public.__all__:
        assert getattr(perdure, name) is getattr(public, name)
        assert getattr(public, name).__doc__
    assert not set(public.__all__) & set(perdure.__all__)


def test_what_is_no_name_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sandbag'"):
        _ = perdure.Sandbag


def test_programs_without_sandboxes_load_nothing_of_them() -> None:
    program = "import sys, perdure; sys.exit('perdure.runtime.sandbox' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
