"""Who reads is told, once for each time it says that it reads."""

import gc

from perdure.storage.live_cursors import LiveCursors


class Cursor:
    def __init__(self) -> None:
        self.told: list[str] = []

    def detach(self) -> None:
        self.told.append("detach")

    def invalidate(self) -> None:
        self.told.append("invalidate")


def test_each_is_told_once() -> None:
    live, cursor, other = LiveCursors(), Cursor(), Cursor()
    live.add(cursor)
    live.add(other)
    live.detach()
    live.invalidate()
    assert cursor.told == other.told == ["detach"]
    live.add(cursor)
    live.invalidate()
    assert cursor.told == ["detach", "invalidate"]


def test_a_cursor_is_not_kept_alive() -> None:
    live, cursor = LiveCursors(), Cursor()
    live.add(cursor)
    assert len(live) == 1
    del cursor
    gc.collect()
    assert len(live) == 0
    live.detach()
