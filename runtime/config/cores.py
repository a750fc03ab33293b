"""How many processors this process may use: what the number of workers follows from.

Python's ``os.process_cpu_count``, from 3.13 on, knows of the set of processors only, not of the
share of them that a container has; a container of one processor on a machine of 64 would get 64.
"""

import math
import os
from contextlib import suppress
from pathlib import Path

# Who has more of them says how many workers he wants: one router does not keep more than a few
# busy, and each worker is a process of about 40 MiB.
WORKERS_DEFAULT_MAX = 16
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def one_worker_per_core() -> int:
    """Return how many workers a server has when nobody says: 1 to ``WORKERS_DEFAULT_MAX``."""
    return min(usable_cores(), WORKERS_DEFAULT_MAX)


def usable_cores(own_cgroup: Path = _OWN_CGROUP, cgroups: Path = _CGROUPS) -> int:
    """Return how many processors this process may use, at least 1.

    Args:
        own_cgroup: The file that says in which cgroup it is.
        cgroups: Where the kernel shows these.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = _share(own_cgroup, cgroups)
    return max(1, min(cores or 1, math.ceil(share)) if share is not None else cores or 1)


def _share(own_cgroup: Path, cgroups: Path) -> float | None:
    """Return how many processors' time a container gives, None for all there is (cgroup v2)."""
    place: Path | None = None
    with suppress(OSError):
        for line in own_cgroup.read_text().splitlines():
            if line.startswith("0::/"):
                place = cgroups / line.removeprefix("0::/")
    if place is None:
        return None
    shares = []
    for folder in (place, *place.parents):  # what is above it holds for it, too
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                shares.append(int(quota) / int(period))
        if folder == cgroups:
            break
    return min(shares, default=None)
