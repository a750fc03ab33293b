"""Keys and values behave as a sorted dict does, through commits, rollbacks and reopenings."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue

pytestmark = pytest.mark.slow

KEYS = st.text(st.sampled_from("ab0\0é\ud7ff\ue000\uffff😀\U0010ffff"), max_size=3)
VALUES = st.integers() | st.lists(st.text("xy", max_size=3), max_size=2)


def expected(model: dict[str, Any], options: dict[str, Any]) -> list[tuple[str, Any]]:
    """What a listing gives, said as simply as possible."""
    found = sorted((key.encode(), key) for key in model)
    keys = [
        key
        for utf8, key in found
        if ("start" not in options or utf8 >= options["start"].encode())
        and ("start_after" not in options or utf8 > options["start_after"].encode())
        and ("end" not in options or utf8 < options["end"].encode())
        and key.startswith(options.get("prefix", ""))
    ]
    if options.get("reverse"):
        keys.reverse()
    return [(key, model[key]) for key in keys[: options.get("limit")]]


OPTIONS = st.one_of(
    *(
        st.fixed_dictionaries(
            {},
            optional={
                first: KEYS,
                "end": KEYS,
                "prefix": KEYS,
                "reverse": st.booleans(),
                "limit": st.integers(1, 5),
            },
        )
        for first in ("start", "start_after")
    )
)


class KeyValueMachine(RuleBasedStateMachine):
    """An actor's keys beside a dict; ``durable`` is what a crash would leave."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "actor.db"
        self.model: dict[str, Any] = {}
        self.durable: dict[str, Any] = {}
        self.open()

    def open(self) -> None:
        self.db = ActorDatabase(self.path)
        self.kv = KeyValue(self.db)

    @rule(key=KEYS, value=VALUES)
    def put(self, key: str, value: Any) -> None:
        self.kv.put(key, value)
        self.model[key] = value

    @rule(entries=st.dictionaries(KEYS, VALUES, max_size=4))
    def put_many(self, entries: dict[str, Any]) -> None:
        self.kv.put_many(entries)
        self.model.update(entries)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.kv.delete(key) == (key in self.model)
        self.model.pop(key, None)

    @rule(keys=st.lists(KEYS, max_size=4, unique=True))
    def delete_many(self, keys: list[str]) -> None:
        assert self.kv.delete_many(keys) == len(self.model.keys() & set(keys))
        for key in keys:
            self.model.pop(key, None)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.kv.get(key, "absent") == self.model.get(key, "absent")

    @rule(keys=st.lists(KEYS, max_size=4))
    def get_many(self, keys: list[str]) -> None:
        found = self.kv.get_many(keys)
        assert found == {key: self.model[key] for key in keys if key in self.model}
        assert list(found) == sorted(found)

    @rule(options=OPTIONS)
    def list(self, options: dict[str, Any]) -> None:
        assert list(self.kv.list(**options).items()) == expected(self.model, options)

    @rule(options=OPTIONS)
    def scan(self, options: dict[str, Any]) -> None:
        assert [*self.kv.scan(**options)] == expected(self.model, options)

    @rule()
    def delete_all(self) -> None:
        self.kv.delete_all()
        self.model.clear()

    @rule()
    def commit(self) -> None:
        self.db.commit()
        self.durable = dict(self.model)

    @rule()
    def rollback(self) -> None:
        self.db.rollback()
        self.model = dict(self.durable)

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.model = dict(self.durable)
        self.open()

    @invariant()
    def what_differs_is_known_to_be_unwritten(self) -> None:
        if self.model != self.durable:
            assert self.db.has_writes

    def teardown(self) -> None:
        self.db.close()
        self.directory.cleanup()


TestKeyValue = KeyValueMachine.TestCase
TestKeyValue.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
