"""Reads along what a server's actors do, as it happens."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ....actors.ids import IdFactory
from ...config.errors import did_you_mean
from ...observe.formatters import exception_fields
from ...observe.stream import EVENTS, Reader, StreamEvent, Wanted
from ...observe.taps import stream
from .errors import OperatorError
from .house import Told, Values
from .naming import Named, find_namespace, namespaces_of

_STATUS = re.compile(r"[1-5](xx|[0-9]{2})|ok|error")
# What msgpack has a form for.
_INTEGER_MAX = 2**63 - 1
# So many are sent as one item: what a slow reader is behind must fit into memory twice.
_EVENTS_PER_ITEM = 256


@dataclass(frozen=True, slots=True)
class TailArguments:
    """What is to be read.

    Attributes:
        events: Names of events, or their first words: ``message`` is all that begin with
            ``message.``; none for all events.
        namespace: A class, binding or unique key; None for all, and for what is no actor's.
        name: The name of an actor; None for all.
        statuses: ``404``, ``5xx``, ``ok`` or ``error``; none for all.
    """

    events: Sequence[str] = ()
    namespace: str | None = None
    name: str | None = None
    statuses: Sequence[str] = ()


class Followed(Named, Protocol):
    """Whose events can be read: a ``House``, or a process that has no data and no actors."""

    @property
    def is_serving(self) -> bool: ...
    @property
    def readers(self) -> set[Reader]: ...


async def tail(house: Followed, arguments: TailArguments, told: Told) -> Values:
    """Tell ``told`` of events until the server stops; the result says how many were lost.

    Each item is ``{"events": [...]}``; an event that stands for lost ones is ``events.lost``.

    Raises:
        OperatorError: No server runs, or what is wanted cannot be.
    """
    if not house.is_serving:
        hint = "Start it with perdure dev or perdure serve; the log tells of what is past"
        raise OperatorError(f"No server runs on {house.layout.root}", hint)
    wanted = await _wanted(house, arguments)
    class_names = {r.unique_key: r.class_name for r in await namespaces_of(house)}
    reader = stream.open(wanted)
    house.readers.add(reader)
    lost_in_all = 0
    try:
        await told.item({"events": []})  # it has begun: what happens from now on is told of
        while (found := await reader.next()) is not None:
            events, lost = found
            lost_in_all += lost
            shown = [_shown(event, class_names) for event in events]
            if lost:
                last = events[-1].time_s
                shown.append({"time_ms": int(last * 1000), "event": "events.lost", "count": lost})
            for start in itertools.count(0, _EVENTS_PER_ITEM):
                if not (part := shown[start : start + _EVENTS_PER_ITEM]):
                    break
                await told.item({"events": part})
    finally:
        house.readers.discard(reader)
        stream.close(reader)
    return {"lost": lost_in_all}


async def _wanted(house: Followed, arguments: TailArguments) -> Wanted:
    for status in arguments.statuses:
        if not _STATUS.fullmatch(status):
            raise OperatorError(
                f'"{status}" is no status to look for', "Give for instance 404, 5xx, ok or error"
            )
    unique_key = None
    keys = []
    if arguments.namespace is not None:
        unique_key = (await find_namespace(house, arguments.namespace)).unique_key
        keys = [unique_key]
    elif arguments.name is not None:
        keys = [record.unique_key for record in await namespaces_of(house)]
    ids: frozenset[bytes] = frozenset()
    if arguments.name is not None:
        ids = frozenset(IdFactory(key).id_from_name(arguments.name).raw for key in keys)
    names = frozenset(itertools.chain.from_iterable(map(_names, arguments.events)))
    return Wanted(names, unique_key, ids, frozenset(arguments.statuses))


def _names(text: str) -> list[str]:
    found = [name for name in EVENTS if name == text or name.startswith(f"{text}.")]
    if not found:
        hint = did_you_mean(text, EVENTS) or f"There are: {', '.join(EVENTS)}."
        raise OperatorError(f'There is no event "{text}"', hint)
    return found


def _shown(event: StreamEvent, class_names: Mapping[str, str]) -> Values:
    """Return an event as it travels."""
    shown: Values = {"time_ms": int(event.time_s * 1000), "event": event.name}
    actor_id = event.actor_id
    if actor_id is not None:
        shown["namespace"] = class_names.get(actor_id.unique_key, actor_id.unique_key)
        shown["name"] = actor_id.name
        shown["id"] = str(actor_id)
    for key, value in event.fields.items():
        shown[key] = _plain(value)
    return shown


def _plain(value: object) -> Any:
    """Return what can travel; whatever cannot is told as text."""
    if isinstance(value, BaseException):
        value = exception_fields(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) <= _INTEGER_MAX:
        return value
    if isinstance(value, Mapping):
        return {_text(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception as error:  # user code
        text = f"<its __str__ raised {type(error).__name__}>"
    # A lone surrogate has no form in UTF-8.
    return text.encode(errors="backslashreplace").decode()
