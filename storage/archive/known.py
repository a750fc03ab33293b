"""What is kept of one actor's past, and what of the history is missing.

# Pure: it compares numbers.

*Promise*: a part of a log that is neither in the archive nor in the log itself is either a gap, or
lies before ``since``.
*Assumes*: what has been let go has left a copy of each actor in it that was there then
(storage/archive/archive.py), so that only who has neither copy nor beginning needs ``since``.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from ..log_tail import LAST, Tail
from ..logformat import Record, RecordKind
from .copies import Snapshot
from .index import ArchiveFile, End, Gap, Order, SpanPlace

# Before all commits.
FIRST: Order = (0, 0)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A commit that what was before does not matter to.

    Attributes:
        order: Its incarnation and number.
        kind: What it was.
    """

    order: Order
    kind: RecordKind


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of one actor.

    Attributes:
        spans: In the archive.
        tail: Records that are in the logs, in order.
        snapshots: Copies of its file, in order.
        gaps: Parts of the history that are missing.
        since: All of the history after this is there, but for the gaps.
        since_ms: When that was, in Unix milliseconds.
    """

    spans: list[SpanPlace] = field(default_factory=list)
    tail: list[Record] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    since: Order = FIRST
    since_ms: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing is kept."""
        return not (self.spans or self.tail or self.snapshots)

    def is_doubtful(self, order: Order, time_ms: int) -> bool:
        """Say whether a commit that is missing may lie between this one and a time."""
        return any(order <= gap.before and time_ms > gap.since_ms for gap in self.gaps)


def missing(
    files: list[ArchiveFile],
    ends: dict[str, End],
    tails: dict[str, Tail],
    spans: list[SpanPlace] | None = None,
) -> Known:
    """Return what is known of an actor, its copies left out.

    Args:
        files: Of the whole archive.
        ends: What was last taken in, by slot.
        tails: What the logs hold of the actor, by slot.
        spans: Where in the archive its records are.
    """
    spans = spans or []
    gaps: list[Gap] = []
    begins: dict[str, tuple[Order, int]] = {}
    for slot in sorted({file.slot for file in files} | set(tails) | set(ends)):
        own = sorted((file for file in files if file.slot == slot), key=lambda each: each.first_lsn)
        for before, after in pairwise(own):
            if after.first_lsn > before.last_lsn + 1:
                gaps.append(Gap(before.last, after.first, before.last_ms))
        tail = tails.get(slot, Tail())
        gaps += _gaps_of_tail(ends.get(slot), tail)
        begins[slot] = _begin(own, ends.get(slot), tail)
    been_in = {place.slot for place in spans}
    been_in |= {slot for slot, tail in tails.items() if tail.records}
    since = max((begins[slot] for slot in been_in or begins), default=(FIRST, 0))
    records = {record.order: record for tail in tails.values() for record in tail.records}
    return Known(spans, [records[order] for order in sorted(records)], [], gaps, *since)


def _gaps_of_tail(end: End | None, tail: Tail) -> list[Gap]:
    gaps = []
    if end is not None and tail.first_lsn > end.lsn + 1:
        gaps.append(Gap(end.order, tail.first_order, end.time_ms))
    for before, after, since_ms in tail.gaps:
        if before == FIRST and end is not None:  # nothing of this log could be read
            gaps.append(Gap(end.order, after, end.time_ms))
        else:
            gaps.append(Gap(before, after, since_ms))
    return gaps


def _begin(files: list[ArchiveFile], end: End | None, tail: Tail) -> tuple[Order, int]:
    """Return up to where, and when, a log's history is not kept any more."""
    if files:
        lsn, order, time_ms = files[0].first_lsn, files[0].first, files[0].first_ms
    elif tail.first_lsn:
        lsn, order, time_ms = tail.first_lsn, tail.first_order, tail.first_ms
    elif end is not None:
        return end.order, end.time_ms
    else:
        return FIRST, 0
    return (FIRST, 0) if lsn == 1 else ((order[0], order[1] - 1), time_ms)


def needs_copy(known: Known, file: str, last: Order, horizon_ms: float) -> bool:
    """Say whether an actor needs a copy of its state at ``last`` when a file is let go.

    Args:
        known: What is kept of it.
        file: What is let go.
        last: The actor's last record in there.
        horizon_ms: States that lasted until then, or longer, are to be kept.
    """
    rest = [span for span in known.spans if span.file != file and span.last > last]
    after = min((span.first for span in rest), default=LAST)
    copies = [each.order for each in known.snapshots]
    if any(last <= order < after for order in copies) or _is_deleted(known, last):
        return False
    if after in copies or any(span.base == after for span in rest):
        # Later states do without it. This one lasted until then: is that to be kept?
        return any(span.first_ms >= horizon_ms for span in rest if span.first == after)
    return True


def _is_deleted(known: Known, order: Order) -> bool:
    kinds = [span.base_kind for span in known.spans if span.base == order]
    return RecordKind.DELETE in kinds
