"""A worker process: ``python -m perdure.runtime.worker_process``, started by a supervisor.

user's program -> (serve) commit log of its slot -> actors -> links to routers and other workers
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial

from ..actors.channel import ActorChannel
from ..actors.clock import SystemClock
from ..actors.link import KeptSocket
from ..actors.session import SERVICE_RESTART
from ..storage.alarm_index import AlarmIndex
from ..storage.errors import InternalError
from ..storage.layout import Layout
from .actor_side import ActorSide
from .compat.program import load_programs
from .control.observed import families_of_actors, families_of_sockets
from .control.processes import ProcessesArguments, WorkerFacts
from .control.report import Report
from .control.server import ControlServer
from .fast_loop import find_fast_loop
from .host.loader import App
from .host.operations.house import Told, Values
from .host.registry import ActorRegistry
from .observe.logs import set_up_logs
from .process_settings import ProcessSettings
from .sandboxes import SANDBOXES_WANTED, has_sandboxes
from .shards.link.calls import LinkCalls
from .shards.link.errors import LinkBroken, LinkEnded
from .shards.link.kinds import ROUTER, WORKER
from .shards.link.link import Identity as LinkIdentity
from .shards.link.link import Link
from .shards.link.names import Names
from .shards.link.opening import open_link
from .shards.link.streams import Streams
from .shards.operations.worker_desk import worker_desk
from .shards.peers import OwnActors, Peers, ShardChannel
from .shards.placement import Placement
from .shards.sockets.held_sockets import HeldSocket, HeldSockets
from .shards.sockets.linked_sockets import LinkedSocket, LinkedSockets
from .shards.sockets.passing import BorrowedSocket, BorrowedSockets, LentSockets, WorkerPassing
from .shards.sockets.reading import HeldLimits
from .shards.sockets.travelling import Travelling
from .shards.supervisor.parent import Assignment, Parent, run_child
from .shards.supervisor.places import Identity, Role
from .tracing import start_tracing

# A link ends with the process at its other end, and this long after that for sure.
UNLINK_S = 5.0
LINK_ROLES = {Role.ROUTER: ROUTER, Role.WORKER: WORKER}


def link_identity(identity: Identity) -> LinkIdentity:
    """How links call the process that a supervisor calls ``identity``."""
    return LinkIdentity(LINK_ROLES[identity.place.role], identity.place.slot, identity.generation)


class NobodyWaits:
    """What becomes of sockets that this process's code has of actors elsewhere."""

    def orphaned(self, held: HeldSocket) -> None:
        held.sever(1006, "the process of the actor at the other end is gone")

    def early(self, held: HeldSocket, socket: BorrowedSocket) -> None:
        del socket  # its process came and went before this one heard of it
        self.orphaned(held)

    def over(self, held: HeldSocket) -> None:
        """It heard so."""


class WorkerDuty:
    """What a worker does. Is a supervisor's ``Duty``."""

    _identity: Identity
    _settings: ProcessSettings
    _apps: Sequence[App]
    _line: socket.socket  # to the supervisor, which asks what its operator wants
    _control: ControlServer
    _actors: ActorSide
    _peers: Peers
    _lent: LentSockets
    _borrowed: BorrowedSockets
    _travelling: Travelling

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._loop = asyncio.get_running_loop()
        self._cleanup = AsyncExitStack()
        self._is_serving = False
        self._ends: list[tuple[Identity, socket.socket]] = []  # that wait until it serves
        self._links: dict[Identity, Link] = {}
        # What comes over links that live, from whom.
        self._taking: dict[LinkCalls | LinkedSockets, Role] = {}
        self._gone: set[Identity] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def prepare(self, assignment: Assignment) -> bytes:
        settings = self._settings = ProcessSettings.decode(assignment.settings)
        self._identity = assignment.identity
        (self._line,) = assignment.sockets
        set_up_logs(sys.stderr, settings.log.of(self._identity.place.name))
        self._apps = load_programs(settings.config)
        if (end_tracing := start_tracing(settings.config, os.environ)) is not None:
            self._cleanup.push_async_callback(end_tracing)
        clock = SystemClock(self._loop)
        self._actors = ActorSide(settings.config, clock, self._loop, self._cleanup)
        return b""

    async def serve(self) -> None:
        settings, slot = self._settings, self._identity.place.slot
        layout = Layout(settings.data_dir)
        index = AlarmIndex(layout.alarms_file_of(slot))
        self._cleanup.callback(index.close)
        self._actors.open_store(layout, index, slot=slot, slots=settings.slots, is_alone=False)
        self._peers = Peers(Placement(settings.slots), self._loop)
        self._cleanup.callback(self._peers.close)
        self._lent = LentSockets(slot, self._identity.generation)
        self._borrowed = BorrowedSockets(self._loop, HeldLimits(), NobodyWaits())
        self._travelling = Travelling()
        self._cleanup.callback(self._travelling.close)
        self._actors.assemble(
            self._apps,
            settings.namespaces,
            self._channel,
            assets_are_live=settings.show_errors,
        )
        if has_sandboxes(self._apps):
            self._parent.tell(SANDBOXES_WANTED)
        await self._open_control(layout)
        # Never go on: what is durable is read by a process that has not known anything else.
        fail = self._parent.fail
        self._actors.failed.add_done_callback(lambda failed: fail(str(failed.result())))
        self._is_serving = True
        for peer, end in self._ends:
            self._begin_link(peer, end)
        self._ends.clear()
        self._actors.alarms.start()
        if slot == settings.slots[0]:
            self._actors.start_crons()

    async def _open_control(self, layout: Layout) -> None:
        slot, placement = self._identity.place.slot, self._peers

        def owns(unique_key: str, raw_id: bytes) -> bool:
            return placement.placement.slot_of(unique_key, raw_id) == slot

        desk = worker_desk(self._actors.house(layout, self._settings.namespaces, owns))
        desk.add("facts", ProcessesArguments, self._facts)
        self._control = await ControlServer.on_line(desk, self._line)

    async def _facts(self, arguments: ProcessesArguments, told: Told) -> Values:
        """What the supervisor shows of this process."""
        del arguments, told
        slot, placement = self._identity.place.slot, self._peers.placement
        partitions = len(placement.partitions_of(slot))
        return asdict(WorkerFacts.of(self._actors.host.statistics(), partitions))

    def _channel(self, unique_key: str, registry: ActorRegistry) -> ActorChannel:
        return ShardChannel(self._identity.place.slot, unique_key, registry, self._peers)

    # Links.

    def link(self, peer: Identity, end: socket.socket) -> None:
        if self._is_serving:
            self._begin_link(peer, end)
        else:
            self._ends.append((peer, end))

    def _link_ended(self, peer: Identity, end: LinkEnded) -> None:
        """A link ends with the process at its other end; if not, nobody can trust this one.

        If it was cut off here, that is for the other one to find, and to end; this one goes only
        if nothing comes of that.
        """
        if self._is_serving:
            wait_s = 2 * UNLINK_S if isinstance(end, LinkBroken) else UNLINK_S
            self._loop.call_later(wait_s, self._end_if_cut_off, peer, end.reason)

    def _end_if_cut_off(self, peer: Identity, reason: str) -> None:
        if peer not in self._gone:
            self._parent.fail(f"the link to {peer}, which lives, has ended: {reason}")

    def unlink(self, peer: Identity) -> None:
        """What ``peer`` had sent is still read; its end is the end of the link."""
        self._gone.add(peer)
        link = self._links.pop(peer, None)
        if link is not None:
            self._loop.call_later(UNLINK_S, link.close, "its process has gone")

    def _begin_link(self, peer: Identity, end: socket.socket) -> None:
        task = self._loop.create_task(self._open_link(peer, end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_link(self, peer: Identity, end: socket.socket) -> None:
        link = Link(link_identity(self._identity), link_identity(peer))
        is_routers = peer.place.role is Role.ROUTER
        linked = (
            LinkedSockets(link, self._resume, self._travelling)
            if is_routers
            else LinkedSockets(link)
        )
        self._lent.serve(link, linked)
        streams, passing = Streams(link), WorkerPassing(self._lent, self._borrowed, link)
        if is_routers:
            actors = self._actors
            entrypoint = actors.by_hand if self._settings.show_errors else actors.worker
            calls = LinkCalls(link, streams, passing, entrypoint=entrypoint)
        else:
            held = HeldSockets(link)
            self._borrowed.add_worker(peer.place.slot, peer.generation, held)
            own = OwnActors(
                self._identity.place.slot,
                self._peers,
                self._actors.host.namespaces,
                is_older=self._identity.generation < peer.generation,
            )
            limits = self._settings.config.perdure.actor_limits
            slot = peer.place.slot
            named = Names(self._actors.channels, self._actors.services, limits, slot)
            calls = LinkCalls(link, streams, passing, actors=own, named=named)
        self._taking |= {calls: peer.place.role, linked: peer.place.role}

        def forget(_: LinkEnded) -> None:
            del self._taking[calls], self._taking[linked]

        link.when_ended(forget)
        try:
            await open_link(link, end)
        except LinkEnded as ended:
            forget(ended)
            if not ended.is_peer_gone:
                raise
            return  # it came and went; its successor gets a link of its own
        if not is_routers and link.ended is None:
            self._peers[peer.place.slot].joined(link, calls)
        self._links[peer] = link
        link.when_ended(partial(self._link_ended, peer))

    def _resume(
        self, kept: KeptSocket, link: LinkedSocket, auto_response: tuple[str, str] | None
    ) -> None:
        """Have a socket again that the process before this one had."""
        slot = self._identity.place.slot
        if self._peers.placement.slot_of(kept.unique_key, kept.raw_id) != slot:
            raise LinkBroken(f"a socket of an actor that is not in slot {slot}")
        registry = self._actors.host.namespaces.get(kept.unique_key)
        if registry is None:
            link.sever(SERVICE_RESTART, "the program has no such class any more")
        else:
            registry.adopt(kept, link, auto_response)

    # The end.

    async def drain(self, left_s: float, *, together: bool) -> None:
        """What comes from now on is for the successor; what is under way comes to its end.

        Where all workers drain together nobody has a successor until all have come to their end:
        what one of them waits for another one goes on doing, until it is told to stop. If that one
        has died, what waits for it need not be waited for: it is cut off, and done again if it
        can be.
        """
        deadline = self._loop.time() + left_s
        for taker, role in self._taking.items():
            if role is Role.ROUTER or not together:
                taker.stop_taking("it is being replaced")
        self._actors.alarms.close()
        self._actors.close_crons()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._control.drain()
        if together:
            await self._actors.drain(deadline, self._peers.waiting_count)
        else:
            await self._actors.drain(deadline)
        self._actors.host.settle()

    def relay(self, left_s: float, end: socket.socket) -> None:
        end.close()
        raise InternalError(f"a worker was told to relay for {left_s:g} s; routers are")

    def adopt(self, end: socket.socket) -> None:
        end.close()
        raise InternalError("a worker was told to adopt clients; routers are")

    async def stop(self) -> None:
        is_serving, self._is_serving = self._is_serving, False
        if is_serving:
            self._actors.host.settle()
            await self._control.close()
        # First: clients are to hear nothing of what ends here.
        for link in list(self._links.values()):
            link.close("the worker ends")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _, end in self._ends:
            end.close()
        if is_serving:
            self._actors.alarms.close()
            self._actors.close_crons()
            self._actors.close("the worker ends")
        await self._cleanup.aclose()

    def statistics(self) -> bytes:
        """What metrics and health tell of this process."""
        if not self._is_serving:
            return b""
        health = self._actors.health()
        return Report.of(
            [*families_of_sockets(), *families_of_actors(self._actors)], health.reasons
        ).encode()

    def told(self, data: bytes) -> None:
        """Nothing is said to workers yet."""


def main() -> int:
    """Be a worker until the supervisor says stop; return the status to exit with."""
    return run_child(WorkerDuty, find_fast_loop())


if __name__ == "__main__":
    sys.exit(main())
