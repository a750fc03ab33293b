"""Addresses as connections and proxies write them, brought into one form."""

from functools import lru_cache

from ..config.networks import LENGTH_MAX, parse_address

_REMEMBERED = 8192  # addresses; one client sends many requests


def normal_address(text: str) -> str:
    """An address in the one way in which it is written here; empty if it is none."""
    return "" if len(text) > LENGTH_MAX else _normal(text)


@lru_cache(_REMEMBERED)
def _normal(text: str) -> str:
    address = parse_address(text)
    return "" if address is None else str(address)


def address_of(text: str) -> str:
    """The address in what a proxy wrote, maybe with a port; empty if there is none.

    ``192.0.2.1:80`` and ``[2001:db8::1]:80`` are written too, beside the address alone.
    """
    if text.startswith("["):
        return normal_address(text[1:].partition("]")[0])
    if text.count(":") == 1:
        return normal_address(text.partition(":")[0])
    return normal_address(text)
