"""A router process: ``python -m perdure.runtime.router_process``, started by a supervisor.

port -> firewall -> connections -> links to workers; no user code, no storage.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from ..actors.clock import SystemClock
from ..storage.layout import Layout
from .actor_side import keys_of_bindings
from .assets.in_front import in_front_of
from .control.desk import Desk
from .control.families import GAUGE, Family
from .control.observed import families_of_clients, families_of_sockets
from .control.processes import ProcessesArguments, RouterFacts
from .control.report import Report
from .control.server import ControlServer
from .edge.banner import Banner
from .edge.firewall.firewall import Firewall
from .edge.statistics import EdgeStatistics
from .fast_loop import find_fast_loop
from .front_side import FrontSide, ignore
from .host.operations.house import Told, Values
from .observe.logs import set_up_logs
from .process_settings import RELOAD_CERTIFICATES, ProcessSettings, decode_problem, decode_slots
from .request_lines import RequestLines
from .router_tail import RouterTail
from .sandbox.awake import Awake
from .sandbox.home import SandboxHome
from .shards.handover.arrivals import Arrivals
from .shards.handover.departures import Departures
from .shards.link.calls import LinkCalls
from .shards.link.errors import LinkEnded
from .shards.link.link import Link
from .shards.link.opening import open_link
from .shards.link.streams import Streams
from .shards.peers import Entrypoints, Peers
from .shards.placement import Placement
from .shards.sockets.held_sockets import HeldSockets
from .shards.sockets.orphans import Orphans
from .shards.sockets.passing import BorrowedSockets
from .shards.sockets.reading import HeldLimits
from .shards.sockets.tunnels import Tunnels
from .shards.supervisor.parent import Assignment, Parent, run_child
from .shards.supervisor.places import Identity
from .sockets.keepalive import KeepAlive
from .worker_process import UNLINK_S, link_identity

# How often a relay looks whether anybody is left; nobody tells it.
RELAY_LOOKS_INTERVAL_S = 0.1
# So long is waited for those that can go at once, before the operator is told how many have.
SETTLED_WAIT_S = 5.0
_UNACKNOWLEDGED = "Messages of clients that no worker has finished handling."


class RouterDuty:
    """What a router does. Is a supervisor's ``Duty``."""

    _identity: Identity
    _settings: ProcessSettings
    _front: FrontSide
    _peers: Peers
    _borrowed: BorrowedSockets
    _orphans: Orphans
    _tunnels: Tunnels
    _banner: Banner
    _requests: RequestLines
    _line: socket.socket  # to the supervisor, which asks what its operator wants
    _control: ControlServer
    _keep_alive: KeepAlive | None

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._loop = asyncio.get_running_loop()
        self._cleanup = AsyncExitStack()
        self._sockets: list[socket.socket] = []
        self._deadline = 0.0
        self._is_serving = False
        self._links: dict[Identity, Link] = {}
        # Links to processes that go, whose last words have yet to be read.
        self._leaving: dict[Link, asyncio.Future[object]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrivals: Arrivals | None = None  # of the router before this one, if there was one

    async def prepare(self, assignment: Assignment) -> bytes:
        settings = self._settings = ProcessSettings.decode(assignment.settings)
        self._identity = assignment.identity
        *self._sockets, self._line = assignment.sockets
        set_up_logs(sys.stderr, settings.log.of(self._identity.place.name))
        config, loop = settings.config, self._loop
        self._peers = Peers(Placement(settings.slots), loop)
        self._cleanup.callback(self._peers.close)
        entrypoints = Entrypoints(self._peers)
        self._orphans = Orphans(self._peers.placement, entrypoints, loop)
        self._borrowed = BorrowedSockets(loop, HeldLimits(), self._orphans)
        # An actor that is asked knows what its sockets' clients have seen by then.
        entrypoints.before_asking = self._borrowed.tell_news
        self._front = FrontSide(config, loop, self._cleanup, os.environ)
        keep_alive = KeepAlive.of(config.perdure.socket_limits, SystemClock(loop))
        self._keep_alive = keep_alive
        if keep_alive is not None:
            self._cleanup.callback(keep_alive.close)
        self._tunnels = Tunnels(
            loop, config.perdure.socket_limits, keep_alive, self._keep_awake(), self._own
        )
        self._requests = RequestLines(self._parent.tell, loop)
        answerer = in_front_of(entrypoints, config.assets, is_live=settings.show_errors)
        self._banner = Banner(answerer)
        self._front.assemble(
            self._banner if settings.show_errors else answerer,
            keep_alive,
            show_errors=settings.show_errors,
            on_request=self._requests if settings.tells_requests else ignore,
            is_movable=True,
        )
        return b""

    def _keep_awake(self) -> Awake:
        """What keeps sandboxes awake whose servers clients speak with over this process."""
        settings, loop = self._settings, self._loop
        folder = Layout(settings.data_dir).sandboxes_dir
        home = SandboxHome(folder, settings.config.perdure.sandbox, loop)
        awake = Awake(home.running, loop)
        self._cleanup.push_async_callback(home.close)
        self._cleanup.callback(awake.close)
        return awake

    async def serve(self) -> None:
        settings = self._settings
        bindings = keys_of_bindings(settings.config, settings.namespaces)
        followed = RouterTail(Layout(settings.data_dir), bindings)
        desk = Desk(followed.run, followed.end_readers)
        desk.add("facts", ProcessesArguments, self._facts)
        self._control = await ControlServer.on_line(desk, self._line)
        self._cleanup.push_async_callback(self._control.close)
        await self._front.listen_on(self._sockets)
        self._is_serving = True

    async def _facts(self, arguments: ProcessesArguments, told: Told) -> Values:
        """What the supervisor shows of this process."""
        del arguments, told
        held = self._borrowed.held
        unacknowledged = sum(len(one.unacknowledged) for one in held)
        edge = self._front.statistics()
        sockets = len(held) + len(self._tunnels)
        return asdict(RouterFacts(edge.connections.open, sockets, unacknowledged))

    def link(self, peer: Identity, end: socket.socket) -> None:
        self._own(self._open_link(peer, end))

    def unlink(self, peer: Identity) -> None:
        """What ``peer`` had sent is still read; its end is the end of the link."""
        link = self._links.pop(peer, None)
        if link is not None and link.ended is None:
            ended = self._leaving[link] = self._loop.create_future()
            link.when_ended(lambda _: ended.set_result(self._leaving.pop(link, None)))
            self._loop.call_later(UNLINK_S, link.close, "its process has gone")

    async def _open_link(self, peer: Identity, end: socket.socket) -> None:
        link = Link(link_identity(self._identity), link_identity(peer))
        held = HeldSockets(link)
        self._borrowed.add_worker(peer.place.slot, peer.generation, held)
        self._tunnels.serve(link, held)
        calls = LinkCalls(link, Streams(link), self._borrowed)
        try:
            await open_link(link, end)
        except LinkEnded as ended:
            if not ended.is_peer_gone:
                raise
            return  # it came and went; its successor gets a link of its own
        self._links[peer] = link
        while self._leaving:  # their clients, whose actors may be at ``peer`` now, are not free yet
            await asyncio.wait(list(self._leaving.values()))
        if link.ended is None:
            slot = peer.place.slot
            self._orphans.joined(slot, peer.generation, held)  # before anything wakes an actor
            self._peers[slot].joined(link, calls)

    async def drain(self, left_s: float, *, together: bool) -> None:
        del together  # routers have no links to each other
        self._front.close_port()
        self._deadline = self._loop.time() + left_s
        await self._front.drain(self._deadline)

    def adopt(self, end: socket.socket) -> None:
        arrivals = Arrivals(
            end,
            self._loop,
            self._front,
            self._borrowed,
            self._tunnels,
            self._settings.config.perdure.socket_limits,
            self._keep_alive,
            self._own,
        )
        self._cleanup.callback(arrivals.close)
        self._arrivals = arrivals

    def relay(self, left_s: float, end: socket.socket) -> None:
        self._front.close_port()
        self._front.front.leave(is_possible=True)
        self._own(self._relay(left_s, end))

    async def _relay(self, left_s: float, end: socket.socket) -> None:
        """Have those go that can, and serve the others, until nobody is left."""
        loop, front = self._loop, self._front
        until = loop.time() + left_s
        departures = Departures(end, self._identity.generation, loop, self._take_back)
        self._cleanup.callback(departures.close)
        departures.look(self._borrowed.held, front.front.movable, self._tunnels)
        await departures.settled(min(SETTLED_WAIT_S, left_s))
        self._parent.relaying(departures.moved, front.connections_count)
        while (front.connections_count or self._are_some_to_come) and loop.time() < until:
            await asyncio.sleep(min(RELAY_LOOKS_INTERVAL_S, left_s))
            if departures.has_ended:
                front.front.leave(is_possible=False)
            departures.look(self._borrowed.held, front.front.movable, self._tunnels)
        self._parent.is_through()

    @property
    def _are_some_to_come(self) -> bool:
        """The router before this one still has clients, and gives them here when it can.

        Whom it gives at the moment in which this process ends, nobody would have.
        """
        return self._arrivals is not None and not self._arrivals.are_over

    def _take_back(self, descriptor: socket.socket) -> None:
        self._own(self._front.take_http(descriptor))

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        if self._is_serving:
            self._front.close_port()
            await self._front.close(self._deadline)
            await self._front.port_closed()
            self._tunnels.close()
            self._requests.flush()
        for link in list(self._links.values()):
            link.close("the router ends")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._cleanup.aclose()

    def statistics(self) -> bytes:
        """What metrics tell of this process."""
        held = self._borrowed.held
        name, label = self._identity.place.name, ("process",)
        sockets = Family("sockets_held", GAUGE, "WebSockets of clients, by their router.", label)
        waiting = Family("messages_unacknowledged", GAUGE, _UNACKNOWLEDGED, label)
        return Report.of(
            [
                *families_of_sockets(),
                *families_of_clients(self),
                sockets.of(name, is_now=len(held) + len(self._tunnels)),
                waiting.of(name, is_now=sum(len(one.unacknowledged) for one in held)),
            ]
        ).encode()

    @property
    def firewall(self) -> Firewall:
        """What decides which requests are answered; it counts."""
        return self._front.firewall

    def edge_statistics(self) -> EdgeStatistics:
        """Its connections, and what was refused to clients."""
        return self._front.statistics()

    def told(self, data: bytes) -> None:
        """Have the certificate read again, other workers than before, or a note below pages."""
        slots, problem = decode_slots(data), decode_problem(data)
        if problem is not None:
            self._banner.problem = problem or None
        elif slots is not None:
            self._peers.place(Placement(slots))
            self._orphans.place(self._peers.placement)
        else:
            assert data == RELOAD_CERTIFICATES
            self._front.reload_certificates()


def main() -> int:
    """Be a router until the supervisor says stop; return the status to exit with."""
    return run_child(RouterDuty, find_fast_loop())


if __name__ == "__main__":
    sys.exit(main())
