"""Where the server's Python has what runs Python code in sandboxes (the extra ``interpreter``)."""

import functools
import importlib.util
from pathlib import Path
from typing import Final

from ..keeper.walled import PACKAGES_INSIDE

# All that ipykernel imports when it starts may lie in one folder, or in several.
NEEDED: Final = ("ipykernel", "jupyter_client", "IPython", "zmq", "tornado", "traitlets")


@functools.cache
def package_folders(needed: tuple[str, ...] = NEEDED) -> tuple[Path, ...]:
    """Return the folders that have what is needed; none if something is missing."""
    found: dict[Path, None] = {}
    for name in needed:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return ()
        found[Path(spec.origin).parent.parent.resolve()] = None
    return tuple(found)


def packages_seen(*, is_walled: bool) -> list[str]:
    """Return where a sandbox sees these folders: its keeper has the setting ``packages``."""
    folders = package_folders()
    if is_walled:
        return [f"{PACKAGES_INSIDE}/{number}" for number in range(len(folders))]
    return [str(path) for path in folders]
