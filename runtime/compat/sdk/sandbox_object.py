"""``Sandbox`` as classes of programs in Workers style derive from it, and who calls it.

Perdure's own ``Sandbox`` is inside of it, as it is, and answers its own calls: what it is given and
what it gives is not converted on the way. A program's methods and hooks are in Workers style.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ....actors.actor import Actor
from ....actors.base import DurableObject
from ....actors.events import CallEvent, Event
from ....actors.handlers import NativeHandlers
from ....actors.promise import READ
from ....actors.rpc import find_method
from ....actors.rpc_stub import unpack
from ....actors.scope import SCOPE
from ....actors.state import DurableObjectState
from ....storage.errors import UsageError
from ...config.durations import seconds_of
from ...sandbox.errors import SandboxInvalid
from ...sandbox.owner import SandboxOwner
from ...sandbox.sandbox import Sandbox as NativeSandbox
from ..handlers import ALARM, WorkersHandlers, call_method, made_with
from ..js.values import to_native
from ..views.bindings import OURS, BindingViews
from ..views.env import EnvView
from ..views.sandboxes import Spoken, arguments_of, camel, options_there
from ..views.state import DurableObjectContext
from .transfer import incoming, outgoing


class Sandbox(SandboxOwner, DurableObject):
    """A Durable Object with programs of its own; every call of ``getSandbox`` is one of ``self``.

    A program may derive from it: ``onStart``, ``onStop`` and ``onError`` are called, ``sleepAfter``
    is read, and ``fetch`` may be overridden, with ``await super().fetch(request)`` for what is not
    the program's.
    """

    sleepAfter: str | float | None = None
    """How long it may have nothing to do; None: what the configuration says."""

    def __init__(self, ctx: Any, env: Any) -> None:
        if isinstance(ctx, DurableObjectState):
            raise UsageError(
                "cloudflare_sandbox.Sandbox is for programs in Workers style, which import from "
                "workers; import Sandbox from perdure instead"
            )
        super().__init__(ctx, env)

    async def fetch(self, request: Any) -> Any:
        """Answer what ``getSandbox`` and ``proxyToSandbox`` send; all else gets 404."""
        return incoming(await self._inside.fetch(outgoing(request)))

    def onStart(self) -> Any:
        """The sandbox has been started."""

    def onStop(self, *_reason: Any) -> Any:
        """It has ended; its argument is why."""

    def onError(self, error: Any) -> Any:
        """It could not be started; whoever called gets the error as well."""
        del error

    @property
    def _inside(self) -> "Inside":
        found: Inside | None = vars(self).get("_made")
        if found is None:
            found = vars(self)["_made"] = Inside(self, to_native(self.ctx), _native_env(self.env))
        return found


def _spoken(name: str) -> Callable[..., Any]:
    def call(self: Sandbox, *arguments: Any, **options: Any) -> Any:
        return getattr(Spoken(self._inside), name)(*arguments, **options)

    call.__name__ = call.__qualname__ = name
    return call


# Methods of the class, so that super() finds them, and calls from elsewhere by these names.
for _name, _ in inspect.getmembers(NativeSandbox, inspect.isfunction):
    if not _name.startswith("_") and not hasattr(Sandbox, camel(_name)):
        setattr(Sandbox, camel(_name), _spoken(camel(_name)))


def _native_env(env: Any) -> Any:
    return vars(env)["_native"] if isinstance(env, EnvView) else env


class Inside(NativeSandbox):
    """The sandbox itself.

    Args:
        outside: What is told of what happens.
        ctx: The actor's own.
        env: Likewise.
    """

    def __init__(self, outside: Sandbox, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        self._outside = outside

    def on_start(self) -> Any:
        return self._outside.onStart()

    def on_stop(self, reason: str) -> Any:
        hook = self._outside.onStop
        return hook(reason) if inspect.signature(hook).parameters else hook()

    def on_error(self, error: Exception) -> Any:
        return self._outside.onError(incoming(error))

    def _kept_settings(self) -> dict[str, Any]:
        said = self._outside.sleepAfter
        if said is None:
            return super()._kept_settings()
        seconds = seconds_of(said)
        if seconds is None:
            text = f'sleepAfter is "30s", "10m", "1h", or seconds, not {said!r}'
            raise SandboxInvalid("VALIDATION_FAILED", text)
        return {"sleep_after_s": seconds, **super()._kept_settings()}


class SandboxHandlers(WorkersHandlers):
    """Calls a program's methods as those of any object, and perdure's own as what they are."""

    __slots__ = ("_native",)

    def __init__(self, actor: Actor, ctx: DurableObjectState, instance: Sandbox) -> None:
        super().__init__(actor, ctx, instance)
        self._native = NativeHandlers(actor, ctx, instance._inside)  # noqa: SLF001  # of this file

    def call(self, event: CallEvent) -> Any:
        if self._is_native(event):
            return self._call_native(event)
        own = self._overridden(event.method)
        if own is None or event.arguments == READ:
            return super().call(event)
        args, kwargs = unpack(event.arguments, SCOPE.get())
        method = getattr(self._instance, own)
        return call_method(method, args, options_there(kwargs), incoming)

    def _call_native(self, event: CallEvent) -> Any:
        """Call perdure's own method; an object of options says that it is meant as there."""
        name = event.method
        method = find_method(self._instance._inside, name)  # noqa: SLF001  # of this file
        if method is None or camel(name) != name or event.arguments == READ:
            return self._native.call(event)
        args, kwargs = unpack(event.arguments, SCOPE.get())
        if len(args) > 1 and isinstance(args[-1], Mapping):
            args, kwargs = arguments_of(name, [*map(incoming, args)], kwargs)
        return method(*args, **kwargs)

    def answer(self, event: Event, result: Any) -> Any:
        if isinstance(event, CallEvent) and self._is_native(event):
            return self._native.answer(event, result)
        return super().answer(event, result)

    def _is_native(self, event: CallEvent) -> bool:
        """Whether perdure's own class has it, and no class of the program's."""
        name = event.method.partition(".")[0]
        return hasattr(NativeSandbox, name) and self._overridden(name) is None

    def _overridden(self, name: str) -> str | None:
        """What the program's class calls its own method in the place of one of perdure's."""
        if not hasattr(NativeSandbox, name):
            return None
        classes = type(self._instance).__mro__
        own = classes[: classes.index(Sandbox)]
        for spelled in (camel(name), name):
            if any(spelled in vars(cls) for cls in own):
                return spelled
        return None


def construct_sandbox(
    cls: type[Sandbox], env: EnvView, views: BindingViews = OURS, *, has_sql: bool
) -> Callable[[Actor], SandboxHandlers]:
    """A function that makes the instance of a sandbox's actor, and what calls its handlers."""
    has_alarm = callable(getattr(cls, ALARM, None))

    def construct(actor: Actor) -> SandboxHandlers:
        native = DurableObjectState(actor, has_sql=has_sql)
        native.storage.alarm.has_handler = has_alarm
        instance = made_with(cls, DurableObjectContext(native, views), env)
        return SandboxHandlers(actor, native, instance)

    return construct
