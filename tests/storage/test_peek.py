"""What can be seen of a file that somebody else has open."""

from pathlib import Path

from perdure.storage.metadata import Metadata
from perdure.storage.peek import Peeked, peek
from tests.storage.logged import KEY, A, Bench, put


def test_the_name_is_seen_while_the_actor_is_open(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    Metadata(database).set_name("a #1?")
    put(database, a=1)
    assert peek(database.path) == Peeked(is_committed=False)  # all of it is in the log
    store.log.wait()
    assert database.checkpoint()
    assert peek(database.path) == Peeked(is_committed=True, name="a #1?")


def test_an_actor_without_a_name_has_none(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.close()
    assert peek(database.path) == Peeked(is_committed=True)


def test_what_cannot_be_read_tells_nothing(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    Metadata(database).set_name("a")
    put(database, a=1)
    store.close()
    data = bytearray(database.path.read_bytes())
    data[2 * 4096 : 3 * 4096] = b"x" * 4096  # the page that has the name
    database.path.write_bytes(data)
    assert peek(database.path) == Peeked(is_committed=True)
    assert peek(tmp_path / "none.db") == Peeked(is_committed=False)
