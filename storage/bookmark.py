"""Bookmarks: names for the states an actor has been in.

# Pure: numbers and text.

*Promise*: the texts of one actor's bookmarks sort in the order of the commits they stand for,
whatever log those commits went to, and a text that was mistyped, or belongs to another actor, is
told from a good one.
*Rules for editing*: users keep these texts; every form that was ever given out must be read.

``0000001a-00000000000003e8-5f3a91c2``: the incarnation, which is the history of the data directory
(a restored backup begins another one); the commit number; a check on both and on the actor.
"""

import re
import zlib
from dataclasses import dataclass

from .errors import InvalidBookmark

_TEXT = re.compile(r"([0-9a-f]{8})-([0-9a-f]{16})-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True, order=True)
class Bookmark:
    """The state of an actor when all its commits up to one were made, and no other.

    ``str(bookmark)`` is its text.

    Attributes:
        incarnation: Which history of the data directory the commit belongs to.
        commit: Its number; 0 stands for the time before the first one.
        check: Of both, and of the actor.
    """

    incarnation: int
    commit: int
    check: int

    @classmethod
    def of(cls, unique_key: str, actor_id: bytes, incarnation: int, commit: int) -> "Bookmark":
        """Return the bookmark of an actor's state after the commit of this number."""
        data = b"%s\0%s%08x-%016x" % (unique_key.encode(), actor_id, incarnation, commit)
        return cls(incarnation, commit, zlib.crc32(data))

    @classmethod
    def parse(cls, text: str) -> "Bookmark":
        """Return the bookmark that ``text`` is.

        Raises:
            InvalidBookmark: It is none.
        """
        found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None:
            problem = (
                "is not a bookmark: one looks like 00000001-00000000000003e8-5f3a91c2, and comes "
                "from get_current_bookmark() or `perdure bookmarks`"
            )
            raise InvalidBookmark(text, problem)
        incarnation, commit, check = (int(part, 16) for part in found.groups())
        return cls(incarnation, commit, check)

    def check_for(self, unique_key: str, actor_id: bytes) -> None:
        """Raise unless this is a bookmark of that actor.

        Raises:
            InvalidBookmark: It is another's, or was mistyped.
        """
        if self != Bookmark.of(unique_key, actor_id, self.incarnation, self.commit):
            problem = "is not a bookmark of this actor: it is another actor's, or was mistyped"
            raise InvalidBookmark(str(self), problem)

    @property
    def order(self) -> tuple[int, int]:
        """As ``Record.order``: what it covers is not greater than this."""
        return self.incarnation, self.commit

    def __str__(self) -> str:
        return f"{self.incarnation:08x}-{self.commit:016x}-{self.check:08x}"
