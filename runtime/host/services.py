"""Workers of this process as others of it call them: bindings under ``services``.

A call to a Worker stays in the process of who calls: each process has all programs of a start.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from ...actors.event_turn import EventTurn
from ...actors.events import CallEvent, FetchEvent, OnReply
from ...actors.http import Response
from ...actors.packing import pack
from ...actors.rpc import encode_error
from ...actors.service_stub import Service, ServiceAddress
from ...actors.targets import begin
from .scheduled import ScheduledEvent
from .worker import OnDone, Worker


class WorkerService(Service):
    """Leads to an entrypoint of a Worker in this process.

    Args:
        address: What it is called.
        worker: The Worker.
        entrypoint: A class of its program.
    """

    __slots__ = ("_entrypoint", "_worker")

    def __init__(self, address: ServiceAddress, worker: Worker, entrypoint: type[Any]) -> None:
        super().__init__(address)
        self._worker = worker
        self._entrypoint = entrypoint

    def __repr__(self) -> str:
        return f"{self.address.worker}.{self._entrypoint.__qualname__}"

    def with_props(self, props: bytes) -> "WorkerService":
        return WorkerService(self.address._replace(props=props), self._worker, self._entrypoint)

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        worker = self._worker
        if isinstance(event, FetchEvent):
            responded = partial(_responded, on_reply)
            worker.fetch(event.request, responded, self._entrypoint, self.address.props)
        else:
            props = self.address.props
            event.route = turn = _CallTurn(worker, self._entrypoint, props, event, on_reply)
            begin(worker, turn)

    def scheduled(self, event: ScheduledEvent, on_done: OnDone) -> None:
        """Have the entrypoint handle a cron trigger's event; see ``Worker.scheduled``."""
        self._worker.scheduled(event, on_done, self._entrypoint, self.address.props)


class Services:
    """Every service of a start: entrypoints of all programs, and assets."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], Service] = {}

    def add(self, service: Service) -> None:
        """Have it found."""
        self._known[service.address.worker, service.address.entrypoint] = service

    def add_program(
        self, name: str, worker: Worker, entrypoints: Mapping[str, type[Any]]
    ) -> list[WorkerService]:
        """Have the entrypoints of a Worker found; return them."""
        services = [
            WorkerService(ServiceAddress(name, entrypoint), worker, cls)
            for entrypoint, cls in entrypoints.items()
        ]
        for service in services:
            self.add(service)
        return services

    def find(self, address: ServiceAddress) -> Service | None:
        """What is called so, told its props; None if nothing is."""
        known = self._known.get((address.worker, address.entrypoint))
        return known.with_props(address.props) if known is not None and address.props else known


def _responded(on_reply: OnReply, response: Response | None, error: BaseException | None) -> None:
    on_reply(response, None if error is None else encode_error(error, is_handlers=True))


class _CallTurn(EventTurn):
    """A call of a Worker's method."""

    __slots__ = ("_entrypoint", "_props", "_worker")
    _event: CallEvent

    def __init__(
        self,
        worker: Worker,
        entrypoint: type[Any],
        props: bytes,
        event: CallEvent,
        on_reply: OnReply,
    ) -> None:
        super().__init__(cast("Any", worker), event, on_reply)
        self._worker = worker
        self._entrypoint = entrypoint
        self._props = props

    @property
    def handler(self) -> str:
        return f"{self._entrypoint.__qualname__}.{self._event.method}"

    def _handle(self) -> Any:
        worker = self._worker
        instance = worker.instance_of(self._entrypoint, self._props)
        return worker.call_on(instance, self._event, self)

    def _answer(self, result: Any) -> Any:
        worker = self._worker
        limit = worker.limits.rpc_message_size_bytes_max
        return pack(worker.result_of(result), f"the result of {self.handler}()", worker, limit)
