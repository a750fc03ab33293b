"""A supervisor with children that do not listen, to be killed: says all their process ids."""

import asyncio
import json
import sys

from perdure.runtime.shards.supervisor.keeper import Settings
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.runtime.shards.supervisor.process import Program
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.supervisor import Supervisor

PLACES = [Place(Role.ROUTER, "0"), Place(Role.WORKER, "0"), Place(Role.WORKER, "1")]


async def main(command: list[str]) -> None:
    program = Program(command)
    limits = SupervisionLimits(ping_interval_s=3600)
    supervisor = Supervisor(
        dict.fromkeys(Role, program), lambda identity: Settings(b""), limits=limits
    )
    changed = asyncio.Event()
    supervisor.on_change(lambda _: changed.set())
    await supervisor.start(PLACES)
    while supervisor.statistics().processes[-1].state is not ChildState.SPARE:
        changed.clear()
        await changed.wait()
    supervisor.tell(PLACES[1], b"spin")
    supervisor.tell(PLACES[2], b"sleep")
    processes = supervisor.statistics().processes
    sys.stdout.write(json.dumps([process.pid for process in processes]) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    if "uvloop" in sys.argv:
        import uvloop

        uvloop.run(main(sys.argv[1:]))
    else:
        asyncio.run(main(sys.argv[1:]))
