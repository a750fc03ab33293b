"""Native dispatch: which method of the user's object an event calls, and what may come back.

The one place that knows handlers by name. The Workers compatibility layer puts another
``Handlers`` in its place, which looks for camelCase names.
"""

import inspect
import logging
from typing import Any

from ..storage.errors import UsageError
from ..storage.values import decode
from .actor import Actor
from .alarm import AfterAlarm, AlarmInfo, after_alarm
from .base import DurableObject
from .errors import NoSuchMethod
from .events import AlarmEvent, CallEvent, Event, FetchEvent
from .http import Response
from .packing import pack
from .response_stream import stream_through
from .rpc import find_method
from .scope import SCOPE
from .state import DurableObjectState
from .targets import call
from .told_errors import tell_of_error

log = logging.getLogger("perdure.actors")


class NativeHandlers:
    """Calls the snake_case handlers of a DurableObject."""

    __slots__ = ("_actor", "_ctx", "_instance")

    def __init__(self, actor: Actor, ctx: DurableObjectState, instance: Any) -> None:
        self._actor = actor
        self._ctx = ctx
        self._instance = instance

    @property
    def class_name(self) -> str:
        return type(self._instance).__qualname__

    @property
    def on_restart(self) -> str:
        return str(type(self._instance).on_restart)

    def handle(self, event: Event) -> Any:
        if isinstance(event, FetchEvent):
            fetch = getattr(self._instance, "fetch", None)
            if fetch is None:
                raise NoSuchMethod("fetch")
            return fetch(event.request)
        if isinstance(event, CallEvent):
            return self.call(event)
        return self.alarm(event)

    def call(self, event: CallEvent) -> Any:
        """Call the method that ``event`` names, or read the attribute."""
        arguments = event.arguments
        method = find_method(self._instance, event.method)
        if method is not None and arguments and type(arguments) is bytes:
            args, kwargs = decode(arguments)
            return method(*args, **kwargs)
        return call(self._instance, event, SCOPE.get())

    def answer(self, event: Event, result: Any) -> Any:
        if isinstance(event, FetchEvent):
            return stream_through(self._actor, check_response(result))
        if isinstance(event, CallEvent):
            limit = self._actor.limits.rpc_message_size_bytes_max
            return pack(result, f"the result of {event.method}()", self._actor, limit)
        return result

    # Sockets taken with ctx.accept_web_socket. A missing handler is ignored.

    def message(self, socket: Any, message: str | bytes) -> Any:
        handler = getattr(self._instance, "web_socket_message", None)
        return None if handler is None else handler(socket, message)

    def close(self, socket: Any, code: int, reason: str, was_clean: bool) -> Any:  # noqa: FBT001  # users' order
        handler = getattr(self._instance, "web_socket_close", None)
        return None if handler is None else handler(socket, code, reason, was_clean)

    def error(self, socket: Any, error: BaseException) -> Any:
        handler = getattr(self._instance, "web_socket_error", None)
        return None if handler is None else handler(socket, error)

    # The alarm.

    async def alarm(self, event: AlarmEvent) -> tuple[AfterAlarm, int | None]:
        """Run the handler for the alarm that is due; what becomes of it, and the row then.

        An index that ran ahead of a crash finds no row, or a later one: nothing to do.
        """
        row = self._ctx.storage.alarm
        due_ms = row.get()
        if due_ms is None or due_ms > event.scheduled_time_ms:
            return AfterAlarm.REPLACED, due_ms
        row.is_running, row.is_replaced = True, False
        failed = False
        try:
            await self._call_alarm(AlarmInfo(due_ms, event.retry_count))
        except Exception as error:
            failed = True
            log.exception("alarm.failed", extra={"actor": str(self._actor.id)})
            tell_of_error(self._actor, "alarm", error)
        finally:
            row.is_running = False
        verdict = after_alarm(
            failed=failed,
            replaced=row.is_replaced,
            retry_count=event.retry_count,
            retries_max=self._actor.limits.alarm_retries_max,
        )
        if verdict in {AfterAlarm.DONE, AfterAlarm.GIVE_UP}:
            self._actor.committer.alarm_changed = True
            row.delete()
        return verdict, row.get()

    async def _call_alarm(self, info: AlarmInfo) -> None:
        alarm = getattr(self._instance, "alarm", None)
        if alarm is None:  # taken out of the class after the alarm was set
            raise NoSuchMethod("alarm")
        wants_info = bool(inspect.signature(alarm).parameters)
        result = alarm(info) if wants_info else alarm()
        if inspect.isawaitable(result):
            await result


def construct_native(cls: type[DurableObject], env: Any, *, has_sql: bool) -> Any:
    """A function that makes the instance of an actor, and what calls its handlers."""

    def construct(actor: Actor) -> NativeHandlers:
        ctx = DurableObjectState(actor, has_sql=has_sql)
        ctx.storage.alarm.has_handler = callable(getattr(cls, "alarm", None))
        instance = cls(ctx, env)
        if getattr(instance, "ctx", None) is not ctx:
            raise UsageError(f"{cls.__qualname__}.__init__ did not call super().__init__(ctx, env)")
        return NativeHandlers(actor, ctx, instance)

    return construct


def check_response(result: Any) -> Response:
    """``result`` of a fetch handler, if it is a Response."""
    if isinstance(result, Response):
        return result
    raise TypeError(
        "Incorrect type for Promise: the Promise did not resolve to 'Response'. The fetch handler "
        f"returned {type(result).__name__}; return perdure.Response(...)"
    )
