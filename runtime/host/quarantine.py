"""What is said of an actor whose file is damaged, to its callers and in the directory."""

from ...actors.errors import ActorQuarantined
from ...storage.errors import DatabaseFailed
from ...storage.marks import MarkData


def quarantine_mark(name: str | None, time_ms: int, failure: DatabaseFailed) -> MarkData:
    """What the directory keeps of it."""
    return {"name": name, "since_ms": time_ms, "problem": f"{failure.code}: {failure.problem}"}


def quarantined(unique_key: str, raw_id: bytes, data: MarkData) -> ActorQuarantined:
    """What its callers get."""
    name, since_ms = data.get("name"), data.get("since_ms")
    return ActorQuarantined(
        unique_key,
        raw_id.hex(),
        name if isinstance(name, str) else None,
        since_ms if isinstance(since_ms, int) else 0,
        str(data.get("problem")),
    )
