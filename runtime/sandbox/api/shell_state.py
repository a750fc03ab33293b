"""What the commands of a session have left: the folder of the last one, and variables.

Kept with the actor, for its instances come and go while the sandbox runs. ``Part`` forgets it when
the sandbox begins anew, as its shells have ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from ....actors.sync_storage import SyncKv
from .part import SHELLS, Scope

# Of all variables together: a program gets no more than some 2 MiB, the command included.
VARIABLES_BYTES_MAX: Final = 256 * 1024

_WORKSPACE: Final = "/workspace"


class ShellState:
    """Of one session.

    Args:
        kv: The actor's.
        session_id: Which session; None for the default one.
    """

    def __init__(self, kv: SyncKv, session_id: str | None) -> None:
        self._kv = kv
        self._key = SHELLS + (session_id or "")

    @property
    def is_kept(self) -> bool:
        """Whether a command has left anything."""
        return self._kv.get(self._key) is not None

    def on_top_of(self, scope: Scope) -> Scope:
        """What the next command gets, of what it would get without those before."""
        kept = self._kv.get(self._key)
        if kept is None:
            return scope
        env = {**scope.env, **kept["env"]}
        if (cwd := kept["cwd"]) is None:
            return replace(scope, env=env)
        return replace(scope, env=env, cwd=cwd, or_cwd=scope.cwd or _WORKSPACE)

    def leave(self, left: Mapping[str, Any]) -> None:
        """Keep what a command has left, as the keeper tells it."""
        kept = self._kv.get(self._key) or {"cwd": None, "env": {}}
        env = {name: value for name, value in kept["env"].items() if name not in left["env"]}
        env |= left["env"]
        size = sum(len(name) + len(value or "") for name, value in env.items())
        while size > VARIABLES_BYTES_MAX:  # the oldest first
            name = next(iter(env))
            size -= len(name) + len(env.pop(name) or "")
        self._kv.put(self._key, {"cwd": left["cwd"] or kept["cwd"], "env": env})

    def forget_variables(self, names: Iterable[str]) -> None:
        """Forget some: they were set otherwise since."""
        kept = self._kv.get(self._key)
        if kept is not None:
            gone = set(names)
            env = {name: value for name, value in kept["env"].items() if name not in gone}
            self._kv.put(self._key, {**kept, "env": env})

    def forget(self) -> None:
        """Forget all of it."""
        self._kv.delete(self._key)
