"""How a store and its log are: what an operator should know that no single event tells."""

from dataclasses import dataclass

from .free_space import Space


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """What a log has done since it was opened.

    Attributes:
        records: Records made durable.
        batches: Syncs it took.
        written_size_bytes: Bytes of those records.
        sync_s: Seconds spent in those syncs.
        live_size_bytes: Bytes of records that a recovery would have to read.
        segments: Files it has.
    """

    records: int
    batches: int
    written_size_bytes: int
    sync_s: float
    live_size_bytes: int
    segments: int


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """The state of a data directory in use.

    Attributes:
        failure: Why nothing can be made durable any more; None while all is well.
        checkpoint_problem: Why the log could not be shortened the last time; None if it could.
        is_checkpointing: It will be tried again; False once the file system could not be synced.
        checkpoints: How often it was shortened.
        live_size_bytes: Bytes of records that a recovery would have to read.
        space: What is left on the disk; None if the file system does not tell.
        quarantined: How many actors are not served because their files are damaged.
        archive_problem: Why the past cannot be archived; None while it is, or is not kept.
    """

    failure: str | None
    checkpoint_problem: str | None
    is_checkpointing: bool
    checkpoints: int
    live_size_bytes: int
    space: Space | None
    quarantined: int
    archive_problem: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is degraded, in words; empty while all is well."""
        found = []
        if self.failure is not None:
            found.append(self.failure)
        if self.checkpoint_problem is not None:
            until = "an attempt succeeds" if self.is_checkpointing else "a restart"
            found.append(
                f"the commit log ({self.live_size_bytes:,} bytes) grows until {until}: "
                f"{self.checkpoint_problem}"
            )
        if self.archive_problem is not None:
            found.append(f"segments of the log wait for the archive: {self.archive_problem}")
        if self.space is not None and self.space.is_low:
            found.append(
                f"{self.space.free_size_bytes:,} bytes are left on the disk, so that no new actor "
                "is begun"
            )
        if self.quarantined:
            found.append(
                f"actors in quarantine, because their files are damaged: {self.quarantined}"
            )
        return tuple(found)

    @property
    def is_degraded(self) -> bool:
        """Something is not as it should be."""
        return bool(self.reasons)
