"""``kill -9`` inside writes: what was acknowledged is there, and no turn is there by half.

The child writes turns without end, each the same number under a key, in a table and as the
alarm, and says the number once ``commit`` has returned. It is killed wherever it then is.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROUNDS = 6
WRITER = """
import os, sys
from pathlib import Path
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

db = ActorDatabase(Path(sys.argv[1]))
kv, sql, metadata = KeyValue(db), Sql(db), Metadata(db)
number = kv.get("number", 0)
if not number:
    sql.exec("CREATE TABLE numbers (n INTEGER, padding TEXT)")
while True:
    number += 1
    kv.put("number", number)
    db.savepoint()
    kv.put("number", -1)
    db.rollback_to()
    sql.exec("INSERT INTO numbers VALUES (?, ?)", number, "x" * (number * 37 % 9000))
    metadata.set_alarm_ms(number)
    if number % 50 == 0:
        kv.put("large", "y" * 300_000)
    db.commit()
    os.write(1, b"%d\\n" % number)
"""


def kill_while_writing(path: Path, after: int) -> int:
    """Run a writer, kill it some time after ``after`` turns; return its last acknowledgement."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, bufsize=0
    )
    with child:
        assert child.stdout is not None
        said = b""
        while said.count(b"\n") < after:
            piece = child.stdout.read(4096)
            assert piece, "the writer died by itself"
            said += piece
        child.kill()
        said += child.stdout.read()  # what it could still say before the signal
    return int(said.rsplit(b"\n", 2)[-2])


def test_what_was_acknowledged_is_there_and_no_turn_by_half(tmp_path: Path) -> None:
    path = tmp_path / "actors" / "a.db"
    for round_ in range(ROUNDS):
        acknowledged = kill_while_writing(path, after=1 + 37 * round_)
        db = ActorDatabase(path)
        try:
            number = KeyValue(db).get("number")
            # The turn after the last acknowledged one may have become durable unacknowledged.
            assert number in {acknowledged, acknowledged + 1}
            numbers = [n for (n,) in db.rows("SELECT n FROM numbers ORDER BY n")]
            assert numbers == list(range(1, number + 1))
            assert Metadata(db).get_alarm_ms() == number
            assert Sql(db).exec("PRAGMA quick_check").one() == {"quick_check": "ok"}
        finally:
            db.close()


def test_a_first_write_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """Whatever of the file was made when the process died, the next one begins as if first."""
    path = tmp_path / "actors" / "a.db"
    program = (
        "import os, sys; from pathlib import Path; from perdure.storage import durable_files;"
        "from perdure.storage.engine import ActorDatabase; from perdure.storage.kv import KeyValue;"
        "real, calls = os.fsync, iter(range(99));\n"
        "def fsync(d):\n"
        "    if next(calls) == int(sys.argv[2]): os.kill(os.getpid(), 9)\n"
        "    real(d)\n"
        "os.fsync = fsync; db = ActorDatabase(Path(sys.argv[1])); KeyValue(db).put('a', 1)"
    )
    # In the fsync for the directory's name, for the file, for the file's name.
    for call in (0, 0, 1):
        run = subprocess.run([sys.executable, "-c", program, str(path), str(call)], check=False)
        assert run.returncode == -9
    db = ActorDatabase(path)
    try:
        assert KeyValue(db).list() == {}
        KeyValue(db).put("a", 1)
        assert db.commit()
    finally:
        db.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.db"]
