"""A worker process by itself; what it does for its supervisor is in test_supervised.py."""

import subprocess
import sys

from perdure.runtime.shards.link.kinds import ROUTER, WORKER
from perdure.runtime.shards.link.link import Identity as LinkIdentity
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.worker_process import link_identity


def test_a_process_has_one_name_on_all_its_links() -> None:
    assert link_identity(Identity(Place(Role.WORKER, "1"), 7)) == LinkIdentity(WORKER, "1", 7)
    assert link_identity(Identity(Place(Role.ROUTER, "0"), 8)) == LinkIdentity(ROUTER, "0", 8)


def test_it_is_started_by_a_supervisor_only() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perdure.runtime.worker_process"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "supervisor" in done.stderr
