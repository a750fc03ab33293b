"""Sandboxes, and what they give, as programs in Workers style spell them.

By rules, not by a copy of each call: ``writeFile`` is ``write_file``, an object of options is
keyword arguments, ``exitCode`` of a result is ``exit_code``, and what JavaScript counts in
milliseconds is in seconds here. The tables below are what the rules do not say.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ....actors.records import Record
from ...sandbox.api.session import ExecutionSession
from ...sandbox.errors import SandboxError
from ..js.options import options_of
from ..js.proxies import JsProxy, is_nullish
from ..js.pyproxies import unwrapped
from ..js.regexp import RegExp
from ..js.values import JsDict
from ..sdk.fetch import fetch, fetch_with
from ..sdk.transfer import VIEWS_OF_BASES, Pending, incoming, outgoing

_CAPITAL = re.compile(r"(?<!^)([A-Z])")
_WORD = re.compile(r"_([a-z0-9])")

# How many arguments come before the object of options, where it is not one.
_BEFORE_OPTIONS = {"create_backup": 0, "create_code_context": 0, "create_session": 0}
# Arguments in milliseconds: options by their names here, and arguments by their places.
_MILLISECONDS = frozenset({"clone_timeout_ms", "command_timeout_ms", "interval", "timeout"})
_MILLISECONDS_AT = {"wait_for_exit": 0, "wait_for_log": 1}
# Options that have another name here.
_RENAMED = {"clone_timeout_ms": "clone_timeout", "command_timeout_ms": "command_timeout"}
_RENAMED_THERE = {here: there for there, here in _RENAMED.items()}
# Options that are always so there: a terminal stays, one for each session.
_ALWAYS = {"terminal": {"terminal_id": "terminal"}}
# Options that are an object there, of which its id is enough.
_BY_ID = frozenset({"context"})
# Options that are about what perdure does not have; they are of no effect.
_IGNORED = frozenset(
    {"auto_cleanup", "compression", "isolation", "local_bucket", "multipart", "origin"}
)


def snake(name: str) -> str:
    """What perdure calls it: ``exposedAt`` is ``exposed_at``."""
    return _CAPITAL.sub(r"_\1", name).lower()


def camel(name: str) -> str:
    """What it is called there: ``exposed_at`` is ``exposedAt``."""
    return _WORD.sub(lambda found: found[1].upper(), name)


class Spoken(JsProxy):
    """Something of ours whose names are said in camelCase.

    Args:
        native: It.
    """

    def __init__(self, native: Any) -> None:
        self.native = native

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python asks for those
            raise AttributeError(name)
        member = getattr(self.native, snake(name))
        if not callable(member):
            return incoming(member)
        return _Method(member, snake(name))

    def __repr__(self) -> str:
        return repr(self.native)


class SandboxView(Spoken, js_name="Sandbox"):
    """What ``getSandbox`` gives."""

    def fetch(self, *arguments: Any, **options: Any) -> Any:
        """Send a request to the ``fetch`` of the sandbox's object."""
        if len(arguments) == 1:
            return fetch_with(self.native.fetch, arguments[0], options)
        return fetch(*arguments, **options, fetcher=self)


class _Method:
    """A call: ``await sandbox.writeFile(path, text, {"encoding": "utf-8"})``."""

    __slots__ = ("_name", "_native")

    def __init__(self, native: Callable[..., Any], name: str) -> None:
        self._native = native
        self._name = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        positional, named = arguments_of(self._name, arguments, options)
        try:
            result = self._native(*positional, **named)
        except SandboxError as error:
            seen_error(error)
            raise
        if asyncio.iscoroutine(result):
            result = asyncio.ensure_future(result)  # begun, as there, whoever awaits it
        return _Call(result) if inspect.isawaitable(result) else incoming(result)

    def __repr__(self) -> str:
        return f"<{camel(self._name)} of a sandbox>"


class _Call(Pending):
    """One under way, whose error is spelled as its result is."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from super().__await__())
        except SandboxError as error:
            seen_error(error)
            raise


def arguments_of(
    name: str, arguments: Sequence[Any], options: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as perdure takes them.

    Args:
        name: What perdure calls it.
        arguments: By position; the last may be an object of options.
        options: By name.
    """
    positional = list(arguments)
    given = dict(options)
    if len(positional) > _BEFORE_OPTIONS.get(name, 1):
        last = unwrapped(positional[-1])
        if is_nullish(last):
            positional.pop()
        elif isinstance(last, Mapping):
            given = options_of(positional.pop(), options, ())
    at = _MILLISECONDS_AT.get(name)
    taken = [_taken(each, is_duration=index == at) for index, each in enumerate(positional)]
    named = {**_ALWAYS.get(name, {})}
    for key, value in given.items():
        said = snake(key)
        if said in _BY_ID and isinstance(value, Mapping):
            named[said] = value["id"]
        elif said not in _IGNORED:
            is_duration = said in _MILLISECONDS
            named[_RENAMED.get(said, said)] = _taken(value, is_duration=is_duration)
    return taken, named


def options_there(named: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments as they are called there: the reverse of what ``arguments_of`` does."""
    given: dict[str, Any] = {}
    for name, value in named.items():
        said = _RENAMED_THERE.get(name, name)
        is_duration = said in _MILLISECONDS and isinstance(value, int | float)
        given[camel(said)] = value * 1000 if is_duration else value
    return given


def _taken(value: Any, *, is_duration: bool) -> Any:
    if is_duration and isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000
    if isinstance(value, RegExp):
        return value.native
    if isinstance(value, Mapping) and set(value) == {"min", "max"}:  # of statuses
        return (value["min"], value["max"])
    return outgoing(value)


class RecordView(JsDict, js_name="Object"):
    """A result that can be asked for more: a plain object of its fields, with methods.

    Args:
        native: The record.
    """

    def __init__(self, native: Record) -> None:
        super().__init__(_fields_of(native))
        vars(self)["native"] = native

    def __getattr__(self, name: str) -> Any:
        is_method = name not in self and not name.startswith("_")
        member = getattr(vars(self)["native"], snake(name), None) if is_method else None
        return _Method(member, snake(name)) if callable(member) else super().__getattr__(name)


def seen_record(record: Record) -> JsDict:
    """A result: a plain object of its fields; one that can be asked for more has methods, too."""
    return RecordView(record) if _has_methods(type(record)) else JsDict(_fields_of(record))


def _fields_of(record: Record) -> dict[str, Any]:
    names = [each.name for each in fields(record) if each.init]  # type: ignore[arg-type]  # all are dataclasses
    return {camel(name): incoming(getattr(record, name)) for name in names}


def _has_methods(cls: type[Record]) -> bool:
    return any(
        inspect.isfunction(value)
        for base in cls.__mro__
        for name, value in vars(base).items()
        if not name.startswith("_") and base is not Record
    )


def seen_event(event: Mapping[str, Any]) -> JsDict:
    """One of the events of a stream, spelled as there."""
    return JsDict({camel(name): incoming(value) for name, value in event.items()})


def seen_error(error: SandboxError) -> SandboxError:
    """An error, spelled as there: itself, since programs catch its class and read its traceback."""
    vars(error)["httpStatus"] = error.http_status
    error.context = {camel(name): value for name, value in error.context.items()}
    return error


VIEWS_OF_BASES.update({Record: seen_record, ExecutionSession: Spoken, SandboxError: seen_error})
