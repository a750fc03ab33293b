"""What a process with actors has for the sandboxes of its programs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from .edge.sandbox_outbound import SandboxOutbound
from .host.loader import App
from .sandbox.home import SandboxHome
from .sandbox.owner import SandboxOwner
from .sockets.limits import SocketLimits

# What a worker tells its supervisor when its program has a class of sandboxes.
SANDBOXES_WANTED = b"sandboxes"


class Sandboxes:
    """The homes of sandboxes of the programs of one process.

    Args:
        folder: Where all sandboxes of the data directory lie.
        loop: Everything happens on it.
        limits: Of WebSockets to servers inside.
    """

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, limits: SocketLimits) -> None:
        self._folder = folder
        self._loop = loop
        self._limits = limits
        self._homes: list[tuple[SandboxHome, SandboxOutbound]] = []

    def home_of(self, app: App) -> SandboxHome | None:
        """What the actors of a program find their sandboxes through; None if it has none."""
        if not has_sandboxes([app]):
            return None
        home = SandboxHome(self._folder, app.config.perdure.sandbox, self._loop)
        client = SandboxOutbound(self._loop, self._limits, home.running)
        home.client = client
        self._homes.append((home, client))
        return home

    async def close(self) -> None:
        """Let go of all connections; what runs inside goes on."""
        for home, client in self._homes:
            await client.close()
            await home.close()


def has_sandboxes(apps: Sequence[App]) -> bool:
    """Whether one of the programs has a class of sandboxes."""
    return any(
        issubclass(cls, SandboxOwner)
        for app in apps
        for cls in (*app.unbound.values(), *app.classes.values())
    )
