"""What makes the URL of a preview one that cannot be guessed."""

import re
import secrets
import string
from typing import Final

from ..errors import SandboxSecurityError

TOKEN_SIZE: Final = 16
_ALPHABET: Final = string.ascii_lowercase + string.digits + "_"
_TOKEN: Final = re.compile(rf"[a-z0-9_]{{1,{TOKEN_SIZE}}}")


def new_token() -> str:
    """Return one that nobody knows: 80 bits of it."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_SIZE))


def is_token(text: object) -> bool:
    """Whether it can stand in a URL."""
    return type(text) is str and _TOKEN.fullmatch(text) is not None


def check_token(text: object) -> None:
    """See that a token of a program's own choice can stand in a URL.

    Raises:
        SandboxSecurityError: It cannot; its code is INVALID_TOKEN.
    """
    if not is_token(text):
        why = (
            f"A token has 1 to {TOKEN_SIZE} characters, which are lower-case letters (a-z), digits "
            f"and underscores; {len(text) if isinstance(text, str) else type(text).__name__} "
            f"{'characters were' if isinstance(text, str) else 'was'} given"
        )
        raise SandboxSecurityError("INVALID_TOKEN", why)


def is_same(token: str, given: object) -> bool:
    """Whether somebody knows the token; how long this takes tells nothing about it."""
    if type(given) is not str:
        return False
    return secrets.compare_digest(token.encode(), given.encode("utf-8", "surrogatepass"))
