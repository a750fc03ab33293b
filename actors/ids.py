"""The ids of actors, made by the published algorithm of Durable Objects.

    key = SHA256(unique key of the namespace)
    b   = HMAC-SHA256(key, name)[0:16], or 16 random bytes
    id  = b + HMAC-SHA256(key, b)[0:16]

So an id can be checked without a list of ids, and those made from names are the ones that
workerd and ``wrangler dev`` make for the same unique key.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache

from ..storage.errors import UsageError

HALF_SIZE_BYTES = 16
# A longer name still makes an id, but is not carried along (Durable Objects limits page).
NAME_SIZE_BYTES_MAX = 1024
# Making an id costs several us, finding it here a tenth of one. So many are kept per namespace:
# 2 MB with names of usual length, 10 MB if all were as long as is kept.
NAMES_CACHED_MAX = 8192

_FOREIGN = "Durable Object ID is not valid for this namespace."
_HEX = re.compile(r"[0-9a-fA-F]{64}")  # workerd takes capitals as well


class InvalidActorId(UsageError, TypeError):
    """Not the id of an actor of this namespace."""


@dataclass(frozen=True, slots=True, repr=False)
class DurableObjectId:
    """Names one actor. Equal ids name the same one, whichever way they were made.

    ``str(id)`` is 64 hexadecimal digits; ``namespace.id_from_string`` reads them again.

    Attributes:
        unique_key: The unique key of the namespace it belongs to.
        raw: The id as 32 bytes.
        name: The name it was made from; None when there was none, when it is longer than 1024
            bytes of UTF-8, or when the id came out of a string.
    """

    unique_key: str
    raw: bytes
    name: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.raw.hex()

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<DurableObjectId {self.raw.hex()}{name}>"

    def equals(self, other: "DurableObjectId") -> bool:
        """Whether both name the same actor; the same as ``==``."""
        return self == other


class IdFactory:
    """Makes and checks the ids of one namespace.

    Args:
        unique_key: What tells this namespace from all others. It decides every id, so it never
            changes while a namespace has data.
    """

    __slots__ = ("_key", "id_from_name", "unique_key")

    def __init__(self, unique_key: str) -> None:
        self.unique_key = unique_key
        self._key = hashlib.sha256(unique_key.encode()).digest()
        self.id_from_name = lru_cache(NAMES_CACHED_MAX)(self._id_from_name)

    def __repr__(self) -> str:
        return f"<IdFactory {self.unique_key}>"

    def _id_from_name(self, name: str) -> DurableObjectId:
        if not isinstance(name, str):
            raise InvalidActorId(
                f"an actor's name is a str, not {type(name).__name__}: {name!r:.60}"
            )
        try:
            encoded = name.encode()
        except UnicodeEncodeError as error:
            raise InvalidActorId(f"an actor's name must be encodable as UTF-8: {error}") from error
        kept = name if len(encoded) <= NAME_SIZE_BYTES_MAX else None
        return self._complete(self._mac(encoded), kept)

    def id_from_string(self, text: str) -> DurableObjectId:
        """The id that ``str(id)`` gave.

        Raises:
            InvalidActorId: Not 64 hexadecimal digits, or no id of this namespace.
        """
        if not isinstance(text, str) or not _HEX.fullmatch(text):
            raise InvalidActorId("Invalid Durable Object ID: must be 64 hex digits")
        raw = bytes.fromhex(text)
        self._check(raw)
        return DurableObjectId(self.unique_key, raw)

    def new_unique_id(self) -> DurableObjectId:
        """An id that nobody has: 128 random bits."""
        return self._complete(secrets.token_bytes(HALF_SIZE_BYTES), None)

    def check_belongs(self, actor_id: DurableObjectId) -> None:
        """Return when ``actor_id`` is one of this namespace.

        Raises:
            InvalidActorId: It is not.
        """
        if actor_id.unique_key != self.unique_key:
            raise InvalidActorId(_FOREIGN)

    def _check(self, raw: bytes) -> None:
        if not hmac.compare_digest(self._mac(raw[:HALF_SIZE_BYTES]), raw[HALF_SIZE_BYTES:]):
            raise InvalidActorId(_FOREIGN)

    def _complete(self, half: bytes, name: str | None) -> DurableObjectId:
        return DurableObjectId(self.unique_key, half + self._mac(half), name)

    def _mac(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, "sha256")[:HALF_SIZE_BYTES]
