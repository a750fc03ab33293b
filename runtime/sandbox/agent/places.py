"""Where paths lead: what requests call a path, as the system knows it here."""

import os
from typing import Any

from .refusals import text

WORKSPACE = "/workspace"


class Places:
    """The folders that requests speak of.

    Attributes:
        workspace: Where relative paths begin. Behind a wall it is ``/workspace``; without one
            it is a folder of the server's, and what requests call ``/workspace`` is that.
    """

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace

    workspace: str

    def path(self, request: dict[str, Any], name: str = "path", default: str | None = None) -> str:
        """Return a field of a request that is a path.

        Raises:
            Refused: It is none.
        """
        return self.real(text(request, name, default))

    def real(self, path: str) -> str:
        """Return where a path leads. ``..`` is the system's to judge: it knows the links."""
        path = _without_detours(path)
        if path == WORKSPACE or path.startswith(WORKSPACE + "/"):
            path = path[len(WORKSPACE) + 1 :]
        return os.path.join(self.workspace, path) if path else self.workspace  # noqa: PTH118  # pathlib takes 10 ms to import

    def shown(self, path: str) -> str:
        """Return what requests call it."""
        if path == self.workspace or path.startswith(self.workspace + "/"):
            return WORKSPACE + path[len(self.workspace) :]
        return path


def _without_detours(path: str) -> str:
    """Leave out what leads nowhere else: ``.`` and empty parts. A last ``/`` asks for a folder."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    begin = "/" if path.startswith("/") else ""
    end = "/" if parts and path.endswith(("/", "/.")) else ""
    return begin + "/".join(parts) + end
