"""Where the server's Python has what runs Python code in sandboxes (the extra ``interpreter``)."""

import functools
import importlib.util
from pathlib import Path
from typing import Final

# All that ipykernel imports when it starts may lie in one folder, or in several.
NEEDED: Final = ("ipykernel", "jupyter_client", "IPython", "zmq", "tornado", "traitlets")
INSIDE: Final = "/perdure/packages"


@functools.cache
def package_folders() -> tuple[Path, ...]:
    """Return the folders that have what is needed; none if something is missing."""
    found: dict[Path, None] = {}
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return ()
        found[Path(spec.origin).parent.parent.resolve()] = None
    return tuple(found)


def package_mounts() -> list[tuple[Path, str]]:
    """Return what a sandbox has to be shown of this Python: folders outside, and their inside."""
    return [(path, f"{INSIDE}/{n}") for n, path in enumerate(package_folders())]


def packages_seen(*, is_walled: bool) -> list[str]:
    """Return where a sandbox sees these folders."""
    return [inside if is_walled else str(path) for path, inside in package_mounts()]
