"""What programs in Workers style import, and a world whose Labs are in that style."""

import types

import pytest

from perdure.runtime.compat.handlers import construct_in_workers_style
from perdure.runtime.compat.pyodide.modules import make_modules
from perdure.runtime.compat.views.env import EnvView, bind
from perdure.runtime.host.bindings import Env
from tests.world import Lab, World

MODULES = make_modules()


@pytest.fixture
def js() -> types.ModuleType:
    return MODULES["js"]


@pytest.fixture
def ffi() -> types.ModuleType:
    return MODULES["pyodide.ffi"]


@pytest.fixture
def workers(world: World) -> World:
    """What a test runs inside of a Lab has the views."""
    view = EnvView()
    namespace = world.namespace(Lab, construct=construct_in_workers_style(Lab, view, has_sql=True))
    values = {"LAB": namespace, "GREETING": "hello", "JSON": {"list": [1, {"a": 2}]}}
    bind(view, Env(values))
    return world
