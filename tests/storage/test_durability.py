"""The seam itself; what stands on either side of it has tests of its own."""

from functools import partial
from pathlib import Path

from perdure.storage.durability import Durability
from perdure.storage.own_wal import OwnWal
from tests.storage.logged import KEY, A, Bench


def test_both_kinds_are_durabilities(tmp_path: Path, bench: Bench) -> None:
    logged: Durability = bench.open().database(KEY, A).durability
    own: Durability = OwnWal(tmp_path / "a.db")
    assert (logged.is_logged, own.is_logged) == (True, False)
    assert (logged.last_lsn, own.last_lsn) == (0, 0)
    for durability in (logged, own):
        called: list[str] = []
        durability.when_durable(partial(called.append, "now"))
        assert called, "nothing was written, so nothing has to be waited for"
        assert durability.is_durable
        assert durability.is_synced
