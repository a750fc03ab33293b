"""Workers of this process as others of it call them: bindings under ``services``.

A call to a Worker stays in the process of who calls: each process has all programs of a start.
"""

from functools import partial
from typing import Any, cast

from ...actors.event_turn import EventTurn
from ...actors.events import CallEvent, FetchEvent, OnReply
from ...actors.http import Response
from ...actors.packing import pack
from ...actors.rpc import encode_error
from ...actors.service_stub import Service
from ...actors.targets import begin
from .worker import Worker


class WorkerService(Service):
    """Leads to an entrypoint of a Worker in this process.

    Args:
        name: The Worker's.
        worker: It.
        entrypoint: A class of its program.
    """

    __slots__ = ("_entrypoint", "_name", "_worker")

    def __init__(self, name: str, worker: Worker, entrypoint: type[Any]) -> None:
        self._name = name
        self._worker = worker
        self._entrypoint = entrypoint

    def __repr__(self) -> str:
        return f"{self._name}.{self._entrypoint.__qualname__}"

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        worker = self._worker
        if isinstance(event, FetchEvent):
            worker.fetch(event.request, partial(_responded, on_reply), self._entrypoint)
        else:
            event.route = turn = _CallTurn(worker, self._entrypoint, event, on_reply)
            begin(worker, turn)


def _responded(on_reply: OnReply, response: Response | None, error: BaseException | None) -> None:
    on_reply(response, None if error is None else encode_error(error, is_handlers=True))


class _CallTurn(EventTurn):
    """A call of a Worker's method."""

    __slots__ = ("_entrypoint", "_worker")
    _event: CallEvent

    def __init__(
        self, worker: Worker, entrypoint: type[Any], event: CallEvent, on_reply: OnReply
    ) -> None:
        super().__init__(cast("Any", worker), event, on_reply)
        self._worker = worker
        self._entrypoint = entrypoint

    @property
    def handler(self) -> str:
        return f"{self._entrypoint.__qualname__}.{self._event.method}"

    def _handle(self) -> Any:
        worker = self._worker
        return worker.call_on(worker.instance_of(self._entrypoint), self._event, self)

    def _answer(self, result: Any) -> Any:
        worker = self._worker
        limit = worker.limits.rpc_message_size_bytes_max
        return pack(worker.result_of(result), f"the result of {self.handler}()", worker, limit)
