"""Programs that bring the platform's own SDK; here it is the published one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.errors import ActorReset, NoSuchMethod
from perdure.actors.http import Request
from perdure.actors.limits import ActorLimits
from perdure.runtime.compat import finder
from perdure.runtime.compat.entrypoint import WorkersWorker
from perdure.runtime.compat.external_sdk import SdkWorker
from perdure.runtime.compat.program import load_programs
from perdure.runtime.config.load import load
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.loader import App, LoadError
from tests.world import World

SUBJECTS = Path(sys.prefix) / "subjects"
FLAG = 'compatibility_flags = ["enable_python_external_sdk"]\n'
BINDING = """
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
MAIN = """
from workers import DurableObject, Response, WorkerEntrypoint
from workers.entrypoints import DurableObjectAbort

class Room(DurableObject):
    made = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        Room.made += 1
        if env.ABORTS == "all":
            self.ctx.abort("not today")

    async def fetch(self, request):
        return Response(f"{type(request).__module__} {request.method.value}")

    def join(self, *values, sep="-"):
        return sep.join(type(value).__name__ for value in values)

    def pair(self):
        return (1, 2)

    def leave(self):
        self.ctx.abort("left")

    async def webSocketMessage(self, ws, message):
        pass

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("yes")

    def add(self, one, other):
        return one + other
"""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    path = list(sys.path)
    yield
    while finder._installed:
        finder._installed.pop().remove()
    sys.path[:] = path


def loaded(folder: Path, main: str = MAIN, toml: str = FLAG + BINDING) -> App:
    (folder / "main_of_sdk.py").write_text(main)
    (folder / "wrangler.toml").write_text(f'name = "app"\nmain = "main_of_sdk.py"\n{toml}')
    (folder / "python_modules").mkdir()
    (folder / "python_modules" / "workers").symlink_to(SUBJECTS / "workers")
    return load_programs(load(folder / "wrangler.toml").config)[0]


def stub_of(app: App, world: World, **values: Any) -> Any:
    room = app.classes["Room"]
    env = Env({"ABORTS": "", **values})
    construct = app.style.construct(room, env, has_sql=True)
    return world.namespace(room, construct=construct).get_by_name("one")


def worker_of(app: App, world: World) -> Any:
    env, limits = Env({}), ActorLimits()
    return app.style.worker(world.loop, world.outbound, app.entrypoint, env, limits)


def test_its_classes_count_as_such(tmp_path: Path) -> None:
    app = loaded(tmp_path)
    sdk = sys.modules["workers"]
    assert (app.style.durable_object, app.style.entrypoint) == (
        sdk.DurableObject,
        sdk.WorkerEntrypoint,
    )
    assert issubclass(app.entrypoint, sdk.WorkerEntrypoint)
    assert set(app.classes) == {"Room"}


def test_without_the_flag_it_is_not_used(tmp_path: Path, world: World) -> None:
    main = MAIN.replace("from workers.entrypoints import DurableObjectAbort\n", "")
    app = loaded(tmp_path, main, BINDING)
    assert app.style.entrypoint is sys.modules["perdure"].WorkerEntrypoint
    assert type(worker_of(app, world)) is WorkersWorker


def test_a_class_that_derives_from_something_else_is_refused(tmp_path: Path) -> None:
    main = MAIN.replace("class Room(DurableObject)", "class Room")
    with pytest.raises(LoadError, match=r'class "Room" in main_of_sdk\.py does not derive from'):
        loaded(tmp_path, main)


def test_on_restart_is_held_to_what_it_may_be(tmp_path: Path) -> None:
    main = MAIN.replace("    made = 0\n", "    made = 0\n    on_restart = 'maybe'\n")
    with pytest.raises(LoadError, match=r"on_restart in main_of_sdk\.py is 'maybe'"):
        loaded(tmp_path, main)


async def test_requests_and_responses_are_the_sdks(tmp_path: Path, world: World) -> None:
    stub = stub_of(loaded(tmp_path), world)
    answer = await stub.fetch(Request("http://room/", method="POST"))
    assert await answer.text() == "workers.request POST"


async def test_methods_get_what_the_sdk_makes_of_values(tmp_path: Path, world: World) -> None:
    stub = stub_of(loaded(tmp_path), world)
    assert await stub.join({"a": 1}, [b"x"], b"x", None) == "JsDict-list-memoryview-NoneType"
    assert await stub.join(1, 2.5, sep=",") == "int,float"
    with pytest.raises(TypeError, match="<class 'tuple'> cannot be sent over RPC"):
        await stub.pair()


async def test_handlers_are_not_methods_for_callers(tmp_path: Path, world: World) -> None:
    stub = stub_of(loaded(tmp_path), world)
    with pytest.raises(TypeError, match="webSocketMessage"):
        await stub.webSocketMessage(1, 2)
    with pytest.raises(NoSuchMethod):
        await stub.nothing()


async def test_what_its_abort_raises_resets_the_object(tmp_path: Path, world: World) -> None:
    app = loaded(tmp_path)
    stub = stub_of(app, world)
    await stub.join()
    with pytest.raises(ActorReset, match="left"):
        await stub.leave()
    await stub_of(app, world).join()
    room: Any = app.classes["Room"]
    assert room.made == 2


async def test_a_constructor_may_abort(tmp_path: Path, world: World) -> None:
    stub = stub_of(loaded(tmp_path), world, ABORTS="all")
    with pytest.raises(ActorReset, match="not today"):
        await stub.join()


async def test_an_entrypoint_is_run_by_it(tmp_path: Path, world: World) -> None:
    worker = worker_of(loaded(tmp_path), world)
    assert isinstance(worker, SdkWorker)
    instance = worker.instance_of(worker._entrypoint)
    result = await worker.handle(instance, Request("http://x/"))
    assert type(result).__module__ == "workers.response"
    assert await worker.response_of(result).text() == "yes"
    assert worker.result_of({"a": None, "b": b"x"}) == {"a": None, "b": b"x"}


async def test_an_entrypoint_without_fetch_says_so(tmp_path: Path, world: World) -> None:
    main = MAIN + "\nclass Default(WorkerEntrypoint): pass\n"
    worker = worker_of(loaded(tmp_path, main), world)
    with pytest.raises(TypeError, match="Method fetch does not exist"):
        worker.handle(worker.instance_of(worker._entrypoint), Request("http://x/"))
