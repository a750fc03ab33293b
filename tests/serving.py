"""Programs written by a test and served as a user's would be, on a real port.

One suite runs against both shapes of a server: ``pytest --shape=split`` starts a supervisor, a
router and two workers wherever a test asks for a server. What a test can only see within one
process it is skipped for there, with that as the reason.
"""

import itertools
import json
import textwrap
from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Never, cast

import pytest

from perdure.runtime.config.load import load
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.observe.logs import LogStyle
from perdure.runtime.server import Server
from perdure.runtime.supervised import SupervisedServer

# Modules live as long as the process: each program of the whole run has a name of its own.
_numbers = itertools.count(1)
INLINE, SPLIT = "inline", "split"
WORKERS = 2
# What only the process of the server can do for a test.
_ONLY_INLINE = {"clock": "the server has the test's clock", "on_request": "requests are told of"}


class SplitServer(SupervisedServer):
    """A server of several processes, for a test that may want to look inside."""

    def __getattr__(self, name: str) -> Never:
        if not hasattr(Server, name) and name not in {"_front_side", "_actor_side"}:
            raise AttributeError(name)
        pytest.skip(f"only inline: the test looks inside the server's process ({name})")


async def start_server(
    shape: str, config: WorkerConfig, *, workers: int = WORKERS, **options: Any
) -> Server:
    """Start a server of that shape.

    Args:
        shape: ``INLINE`` or ``SPLIT``.
        config: What it runs.
        workers: How many a split one has; one where a program's requests meet in its memory.
        options: Of ``Server.start``.
    """
    if shape == INLINE:
        return await Server.start(config, **options)
    for name, why in _ONLY_INLINE.items():
        if name in options:
            pytest.skip(f"only inline: {why}")
    server = await SplitServer.start(
        config, workers=workers, **{"log_style": LogStyle("warning"), **options}
    )
    return cast("Server", server)


class Serving:
    """Serves programs: ``server = await serve(MAIN, objects=["Room"])``. Is the fixture ``serve``.

    Each call gets a data directory of its own, unless ``data_dir`` names one.
    """

    def __init__(self, root: Path, shape: str = INLINE) -> None:
        self.root = root
        self._shape = shape
        self.running: list[Server] = []

    def write(
        self,
        main: str,
        *,
        objects: Sequence[str] = (),
        toml: str = "",
        limits: Mapping[str, float] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> WorkerConfig:
        """Write a project: its ``main``, and a wrangler.toml that binds ``objects``.

        Args:
            main: The program.
            objects: Class names; ``Room`` is bound as ``env.ROOM``.
            toml: More of wrangler.toml; with migrations in it, none are written.
            limits: ``[perdure.limits]``.
            values: ``[vars]``.
        """
        number = next(_numbers)
        folder = self.root / f"app{number}"
        folder.mkdir()
        (folder / f"main{number}.py").write_text(textwrap.dedent(main))
        lines = ['name = "app"', f'main = "main{number}.py"', 'compatibility_date = "2026-04-21"']
        lines += ["[vars]", *(f"{name} = {json.dumps(v)}" for name, v in (values or {}).items())]
        lines += ["[perdure.limits]", *(f"{name} = {v}" for name, v in (limits or {}).items())]
        for name in objects:
            lines += ["[[durable_objects.bindings]]", f'name = "{name.upper()}"']
            lines += [f'class_name = "{name}"']
        if objects and "[[migrations]]" not in toml:
            lines += ["[[migrations]]", 'tag = "v1"', f"new_sqlite_classes = {list(objects)}"]
        path = folder / "wrangler.toml"
        path.write_text("\n".join([*lines, textwrap.dedent(toml)]))
        loaded = load(path)
        assert list(loaded.warnings) == []
        return loaded.config

    async def __call__(
        self,
        main: str,
        *,
        objects: Sequence[str] = (),
        toml: str = "",
        limits: Mapping[str, float] | None = None,
        values: Mapping[str, Any] | None = None,
        data_dir: Path | None = None,
        **options: Any,
    ) -> Server:
        config = self.write(main, objects=objects, toml=toml, limits=limits, values=values)
        return await self.start(config, data_dir=data_dir, **options)

    async def start(
        self, config: WorkerConfig, *, data_dir: Path | None = None, **options: Any
    ) -> Server:
        """Start what ``write`` wrote; ``options`` are those of ``Server.start``."""
        options = {"host": "127.0.0.1", "port": 0, **options}
        data_dir = data_dir or config.base_dir / "data"
        server = await start_server(self._shape, config, data_dir=data_dir, **options)
        self.running.append(server)
        return server

    async def stop(self) -> None:
        for server in self.running:
            await server.stop(drain_s=0)


def load_module(folder: Path, text: str) -> ModuleType:
    """A module of its own out of ``text``, as a program of a user's would be imported."""
    path = folder / f"module{next(_numbers)}.py"
    path.write_text(text)
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
