"""Where things lie in a data directory.

# Pure: it computes paths; it neither reads nor makes any.

    FORMAT                                what wrote this directory (storage/directory.py)
    LOCK                                  held by the one server that uses it
    catalog.db                            workers, namespaces, migrations (storage/catalog.py)
    alarms.db, alarms-<slot>.db           when which actor is to be woken (storage/alarm_index.py)
    log/<slot>/                           commit logs (storage/log_directory.py)
    marks/<namespace>/                    what is remembered of single actors (storage/marks.py)
    actors/<namespace>/<ab>/<64 hex>.db   one actor; <ab> are the id's first two digits
    drafts/<slot>/<name>.db               what is to take an actor's place (storage/recovery.py)
    archive/                              what the logs held earlier (storage/archive/)
    trash/<time ms>-<namespace>/          a deleted namespace, until its retention has passed
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from .errors import InternalError

_SAFE_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_QUOTED_LENGTH_MAX = 200  # a file name holds 255 bytes; the trash adds a time to this one
_ID = re.compile(r"[0-9a-f]{64}")
_ALARMS = re.compile(r"alarms(?:-([^.]+))?\.db")
# The log of a server that is one process, and the first of one that is several.
FIRST_SLOT = "0"
_TRASH = re.compile(r"(\d{15})-.+")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one data directory.

    Attributes:
        root: The directory itself.
    """

    root: Path

    @property
    def format_file(self) -> Path:
        return self.root / "FORMAT"

    @property
    def lock_file(self) -> Path:
        return self.root / "LOCK"

    @property
    def catalog_file(self) -> Path:
        return self.root / "catalog.db"

    @property
    def alarms_file(self) -> Path:
        return self.alarms_file_of(FIRST_SLOT)

    def alarms_file_of(self, slot: str) -> Path:
        """Return where the alarms of the actors of one log are saved."""
        return self.root / ("alarms.db" if slot == FIRST_SLOT else f"alarms-{slot}.db")

    @property
    def logs_dir(self) -> Path:
        return self.root / "log"

    def log_dir(self, slot: str) -> Path:
        """Return where the commit log of one writer lies."""
        return self.logs_dir / slot

    @property
    def sandboxes_dir(self) -> Path:
        """Where sandboxes lie: their files, and the sockets to their keepers."""
        return self.root / "sandboxes"

    @property
    def actors_dir(self) -> Path:
        return self.root / "actors"

    @property
    def drafts_dir(self) -> Path:
        return self.root / "drafts"

    @property
    def archive_dir(self) -> Path:
        return self.root / "archive"

    @property
    def trash_dir(self) -> Path:
        return self.root / "trash"

    @property
    def marks_dir(self) -> Path:
        return self.root / "marks"

    def marks_of_namespace_dir(self, unique_key: str) -> Path:
        """Return where the marks of a namespace's actors lie."""
        return self.marks_dir / quote(unique_key)

    def namespace_dir(self, unique_key: str) -> Path:
        """Return where the actors of a namespace lie."""
        return self.actors_dir / quote(unique_key)

    def actor_file(self, unique_key: str, actor_id: bytes | str) -> Path:
        """Return the database of an actor; its id is 32 bytes, or 64 lower-case hex digits."""
        text = actor_id if isinstance(actor_id, str) else actor_id.hex()
        if not _ID.fullmatch(text):
            raise InternalError(f"not the id of an actor: {actor_id!r}")
        return Path(self.root, "actors", quote(unique_key), text[:2], f"{text}.db")

    def trash_entry(self, unique_key: str, time_ms: int) -> Path:
        """Return where a namespace deleted at ``time_ms`` (Unix time) waits for its end."""
        return self.trash_dir / f"{time_ms:015d}-{quote(unique_key)}"


@lru_cache(maxsize=1000)
def quote(unique_key: str) -> str:
    """Return a file name for ``unique_key``; no two keys have the same one.

    Letters, digits and ``_ - .`` stand for themselves, the rest is percent-encoded. A name too
    long for a file system is cut and gets a digest, after a ``~``, which no other name holds.
    """
    text = "".join(
        chr(byte) if byte in _SAFE_BYTES else f"%{byte:02X}"
        for byte in unique_key.encode(errors="surrogatepass")
    )
    if text.startswith("."):
        text = "%2E" + text[1:]
    if len(text) > _QUOTED_LENGTH_MAX:
        digest = sha256(unique_key.encode(errors="surrogatepass")).hexdigest()[:32]
        text = f"{text[: _QUOTED_LENGTH_MAX - 33]}~{digest}"
    return text or "%"


def slot_of_alarms(name: str) -> str | None:
    """Return whose alarms a file of this name holds, or None if it is no file of alarms."""
    match = _ALARMS.fullmatch(name)
    return None if match is None else match[1] or FIRST_SLOT


def trash_time_ms(name: str) -> int | None:
    """Return when the entry of this name was put into the trash, or None if it is no entry."""
    match = _TRASH.fullmatch(name)
    return int(match[1]) if match else None
