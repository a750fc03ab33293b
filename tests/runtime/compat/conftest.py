"""A world whose Labs are in Workers style: what a test runs inside has the views."""

import pytest

from perdure.runtime.compat.handlers import construct_in_workers_style
from perdure.runtime.compat.views.env import EnvView, bind
from perdure.runtime.host.bindings import Env
from tests.world import Lab, World


@pytest.fixture
def workers(world: World) -> World:
    view = EnvView()
    namespace = world.namespace(Lab, construct=construct_in_workers_style(Lab, view, has_sql=True))
    values = {"LAB": namespace, "GREETING": "hello", "JSON": {"list": [1, {"a": 2}]}}
    bind(view, Env(values))
    return world
