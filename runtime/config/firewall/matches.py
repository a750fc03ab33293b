"""Reading which requests a rule is for: the keys that it and its ``unless`` have in common."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..access import find_hosts, find_networks, find_origins, find_patterns
from ..report import Table, expected, shown
from .globs import path_regex
from .model import NO_FIELDS, Fields, Match

KEYS = ("path", "method", "host", "address", "origin", "upgrade", "header", "query")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2


def read_match(table: Table) -> Match:
    """Read the keys that say which requests are meant, reporting what is malformed."""
    methods = find_patterns(table, "method", _check_method) or ()
    match = Match(
        path=find_patterns(table, "path", _check_path) or (),
        method=tuple(method.upper() for method in methods),
        host=find_hosts(table, "host") or (),
        address=find_networks(table, "address") or (),
        origin=find_origins(table, "origin") or (),
        upgrade=find_flag(table, "upgrade"),
        header=_read_fields(table, "header", _check_header),
        query=_read_fields(table, "query", lambda _: None),
    )
    for key in ("path", "method", "host", "address", "origin"):
        if table.values.get(key) == []:
            message = f'"{table.name(key)}" is empty, so it is not clear what is meant.'
            table.report.error(table.key(key), message, "Leave the line out to match everything.")
    return match


def find_flag(table: Table, key: str) -> bool | None:
    """Return a boolean; None when it is absent, and when it is of another type."""
    value = table.values.get(key)
    if value is None or isinstance(value, bool):
        return value
    table.wrong_type(key, "boolean")
    return None


def _read_fields(table: Table, key: str, check_name: Callable[[str], str | None]) -> Fields:
    fields = table.find_table(key)
    if fields is None:
        return NO_FIELDS
    found: dict[str, tuple[str, ...] | bool] = {}
    for name, value in fields.values.items():
        if (hint := check_name(name)) is not None:
            fields.report.error(fields.key(name), f'"{name}" is no name of a header.', hint)
        elif isinstance(value, bool):
            found[name] = value
        elif isinstance(value, str):
            found[name] = (value,)
        elif isinstance(value, list) and value:
            found[name] = fields.find_strings(name) or ()
        else:
            type_name = "string, string array or boolean"
            message = f"{expected(fields.name(name), type_name)} but got {shown(value)}."
            hint = "A text is a pattern of its value; true and false ask whether it is there."
            fields.report.error(fields.key(name), message, hint)
    return _frozen(found)


def _frozen(found: Mapping[str, tuple[str, ...] | bool]) -> Fields:
    return MappingProxyType(dict(found)) if found else NO_FIELDS


def _check_path(text: str) -> str | None:
    try:
        path_regex(text)
    except ValueError as error:
        return str(error)
    return None


def _check_method(text: str) -> str | None:
    return None if _TOKEN.fullmatch(text) else 'Write a method, such as "GET" or ["PUT", "POST"].'


def _check_header(name: str) -> str | None:
    return None if _TOKEN.fullmatch(name) else 'Write for instance: header = { "X-Api-Key" = true }'
