"""Nobody else gets at the directory, or at the log, of a process that writes."""

from pathlib import Path

import pytest

from perdure.storage.directory import DataDirectory
from perdure.storage.errors import DirectoryInUse
from perdure.storage.layout import Layout
from perdure.storage.store import Store, nothing_recovered
from tests.faults.history import History
from tests.faults.processes import Writing
from tests.faults.tally import Tally
from tests.faults.writer import Script

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def test_whoever_opens_what_is_open_is_refused(tmp_path: Path, tally: Tally) -> None:
    history, script = History(), Script(str(tmp_path / "data"))
    with Writing(history.hear, script) as writing:
        assert writing.hear_until(lambda: history.heard["ack"] >= 50)
        with pytest.raises(DirectoryInUse, match=f"is in use by process {writing.pid}") as caught:
            DataDirectory.open(tmp_path / "data")
        assert caught.value.pid == writing.pid
        # One who does not ask for the directory's lock meets that of the log, whichever slot
        # is its own: recovery reads all.
        with pytest.raises(DirectoryInUse, match="log/0: is written by another process"):
            Store.open(
                Layout(tmp_path / "data"),
                notify=lambda call: None,
                time_ms=lambda: 1000,
                on_failure=lambda failure: None,
                apply_alarms=nothing_recovered,
                options=script.options(),
            )
        enough = history.heard["ack"] + 200
        assert writing.hear_until(lambda: history.heard["ack"] >= enough)
    history.look(tmp_path / "data", script)
    tally.add("second openers refused", 2)
    tally.add_history(history)
    assert history.is_good, (history.lost, history.problems)
