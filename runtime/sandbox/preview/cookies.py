"""Cookies of what runs inside: each stays with the host that has set it."""

import re
from typing import Final

_DOMAIN: Final = re.compile(r";[ \t]*domain[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)


def without_domain(cookie: str) -> str:
    """Return the value of a ``Set-Cookie`` field without its ``Domain``.

    With it, the browser would send the cookie to all hosts below that domain, which are other
    sandboxes, and take it from them.
    """
    return _DOMAIN.sub("", cookie)
