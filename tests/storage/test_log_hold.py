"""While somebody reads the logs whole, no segment is used again, whatever process would."""

import subprocess
import sys
from pathlib import Path

from perdure.storage.archive.archive import Retention
from perdure.storage.layout import Layout
from perdure.storage.log_hold import hold_logs, nobody_holds
from tests.storage.logged import KEY, A, Bench, one_log, put

HOLDER = """
import sys
from pathlib import Path
from perdure.storage.layout import Layout
from perdure.storage.log_hold import hold_logs
with hold_logs(Layout(Path(sys.argv[1]))):
    print("holds", flush=True)
    sys.stdin.read()
"""


def is_free(directory: Path) -> bool:
    with nobody_holds(directory) as is_free:
        return is_free


@one_log
def test_all_logs_are_held_by_as_many_as_want_to(bench: Bench) -> None:
    bench.open_all()
    layout = Layout(bench.root)
    logs = [layout.log_dir(slot) for slot in "012"]
    with hold_logs(layout):
        with hold_logs(layout):
            assert [is_free(log) for log in logs] == [False] * 3
        assert [is_free(log) for log in logs] == [False] * 3
    assert [is_free(log) for log in logs] == [True] * 3


def test_a_log_whose_disk_fails_keeps_its_segments(tmp_path: Path) -> None:
    assert not is_free(tmp_path / "missing")


@one_log
def test_a_log_that_another_process_holds_keeps_its_segments(bench: Bench) -> None:
    """It lets them go at the next occasion after that has ended, however it ended."""
    store = bench.open(retention=Retention(days=0))
    database = store.database(KEY, A)

    def shorten() -> int:
        """Return how many segments the log needs afterwards."""
        done = store._checkpointer.done
        put(database, n=done)
        store.log.roll()
        put(database, n=-1)
        store.log.wait()
        store.shorten()
        bench.run_until(lambda: store._checkpointer.done > done)
        return len(store.log._segments)

    assert shorten() == 1
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(bench.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert shorten() > 1
        held = shorten()
        assert held > 2
        holder.kill()
    assert shorten() == 1
