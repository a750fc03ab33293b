"""Whom to believe and let in: ``trusted_proxies``, ``proxy_headers``, ``allowed_origins``.

The rules of the firewall hold such lists too.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from .model import WorkerConfig
from .networks import network_of
from .origins import ANY, LOCAL_ORIGINS, NULL, HostPatterns, OriginPatterns
from .report import Table, shown

PROXY_HEADERS = ("x-forwarded", "forwarded")
NETWORK_HINT = (
    'Write an address or a CIDR block, such as "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"'
)


def read_access(table: Table) -> Mapping[str, Any]:
    """Read the lists that stand in ``[perdure]`` itself; those that are not there are None."""
    return {
        "allowed_origins": find_patterns(table, "allowed_origins", _check_origin),
        "trusted_proxies": find_patterns(table, "trusted_proxies", _check_network),
        "proxy_headers": table.find_choice("proxy_headers", PROXY_HEADERS),
    }


def with_local_origins(config: WorkerConfig) -> WorkerConfig:
    """Return a configuration under which pages of this machine may open WebSockets, too."""
    origins = (*config.perdure.allowed_origins, *LOCAL_ORIGINS)
    return replace(config, perdure=replace(config.perdure, allowed_origins=origins))


def find_networks(table: Table, key: str) -> tuple[str, ...] | None:
    """Return addresses and CIDR blocks; a single one may stand without brackets."""
    return find_patterns(table, key, _check_network)


def find_origins(table: Table, key: str) -> tuple[str, ...] | None:
    """Return patterns of origins; a single one may stand without brackets."""
    return find_patterns(table, key, _check_origin)


def find_hosts(table: Table, key: str) -> tuple[str, ...] | None:
    """Return patterns of hosts; a single one may stand without brackets."""
    return find_patterns(table, key, _check_host)


def find_patterns(
    table: Table, key: str, check: Callable[[str], str | None]
) -> tuple[str, ...] | None:
    """Return a list of texts, each of which ``check`` has no objection to; None without the key.

    Args:
        table: Where it stands.
        key: A text, or an array of texts; those with a mistake are reported and left out.
        check: Says what to write instead, or None when all is well.
    """
    value = table.values.get(key)
    if isinstance(value, str):
        items: tuple[tuple[str | int, ...], ...] = (table.key(key),)
        texts: tuple[str, ...] | None = (value,)
    else:
        texts = table.find_strings(key)
        items = tuple((*table.key(key), n) for n in range(len(texts or ())))
    if texts is None:
        return None
    good = []
    for path, text in zip(items, texts, strict=True):
        hint = check(text)
        if hint is None:
            good.append(text)
        else:
            message = f'"{table.name(key)}" cannot hold {shown(text)}.'
            table.report.error(path, message, hint)
    return tuple(good)


def _check_network(text: str) -> str | None:
    try:
        network_of(text)
    except ValueError:
        try:
            whole = ip_network(text, strict=False)
        except ValueError:
            return f"{NETWORK_HINT}."
        return f'It has bits set behind its prefix. Did you mean "{whole}", or one address?'
    return None


def _check_origin(text: str) -> str | None:
    if text in {ANY, NULL}:
        return None
    return _objection(OriginPatterns, text)


def _check_host(text: str) -> str | None:
    return _objection(HostPatterns, text)


def _objection(kind: Callable[[list[str]], object], text: str) -> str | None:
    try:
        kind([text])
    except ValueError as error:
        return str(error)
    return None
