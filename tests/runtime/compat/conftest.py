"""Programs' imports, as objects: ``js`` and the modules of Pyodide."""

import types

import pytest

from perdure.runtime.compat.pyodide.modules import make_modules

MODULES = make_modules()


@pytest.fixture
def js() -> types.ModuleType:
    return MODULES["js"]


@pytest.fixture
def ffi() -> types.ModuleType:
    return MODULES["pyodide.ffi"]
