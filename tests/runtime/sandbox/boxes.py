"""Actors that have sandboxes, as programs use them: ``boxes.box("one")``."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from perdure.actors.actor import Actor, Handlers
from perdure.actors.handlers import construct_native
from perdure.actors.namespace import DurableObjectNamespace
from perdure.runtime.config.sandbox import SandboxConfig
from perdure.runtime.edge.sandbox_outbound import SandboxOutbound
from perdure.runtime.host.bindings import Env
from perdure.runtime.sandbox.client import SandboxStub, get_sandbox
from perdure.runtime.sandbox.home import SandboxHome
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from perdure.runtime.sandbox.sandbox import Sandbox
from perdure.runtime.sockets.limits import SocketLimits
from tests.runtime.sandbox.sandboxes import children_of, open_files, processes_with, until
from tests.world import World

_numbers = itertools.count(1)


class Boxes:
    """The actors of one test, and their sandboxes. Behind walls, unless ``isolation`` says no.

    Attributes:
        world: The actors.
        home: What they find their sandboxes through.
    """

    def __init__(self, root: Path, launcher: tuple[LauncherProcess, Path], isolation: str) -> None:
        self.world = World(root)
        self._launcher, folder = launcher
        self._folder = folder
        self._config = SandboxConfig(isolation=isolation)
        self._used: dict[str, SandboxStub] = {}
        # Names of their own: all tests of a file share one launcher, and its folder, and processes
        # are looked for by what is made of the name, also while another process runs tests.
        self._mark = f"t{next(_numbers)}-{os.getpid()}"
        self.restart()

    def restart(self, **config: Any) -> None:
        """Have another process, as it were: no actor is in memory, no connection is there."""
        self._config = replace(self._config, **config)
        self.home = SandboxHome(self._folder, self._config, self.world.loop)
        self._client = SandboxOutbound(self.world.loop, SocketLimits(), self.home.connect)
        self.home.client = self._client

    def namespace(self, cls: type[Sandbox] = Sandbox) -> DurableObjectNamespace:
        native: Callable[[Actor], Handlers] = construct_native(cls, Env({}), has_sql=True)

        def construct(actor: Actor) -> Handlers:
            actor.sandboxes = self.home
            return native(actor)

        return self.world.namespace(cls, construct=construct)

    def box(self, name: str = "one", cls: type[Sandbox] = Sandbox, **options: Any) -> SandboxStub:
        """A sandbox, as whoever has a binding to it calls it."""
        stub = get_sandbox(self.namespace(cls), f"{name}-{self._mark}", **options)
        self._used[f"{cls.__name__} {name}"] = stub
        return stub

    def keepers(self) -> set[int]:
        """The keepers of all sandboxes that the test's launcher has."""
        children = children_of(self._launcher.pid)
        return {pid for pid in children if any("keeper.lock" in file for file in open_files(pid))}

    async def called(self, script: Callable[[], Any]) -> Any:
        """What ``script()`` gives, run in a handler: only there can functions be sent."""
        return await self.world.inside(lambda _: script())

    async def close(self) -> None:
        """End all, and see that nothing is left."""
        for stub in self._used.values():
            await stub.destroy()
            name = str(stub.stub.id)
            until(lambda name=name: not processes_with(name))
            assert not (self._folder / name).exists()
        await self._client.close()
        await self.home.close()
        self.world.close()
