"""What an actor's code sees of its storage, through the calls that users write, beside a model.

Programs of awaited and of synchronous calls, of SQL, and of transactions in transactions, each of
which ends well, is rolled back, or raises, run in one handler after the other; between them the
actor leaves memory, or is reset. The model is a dict of each kind, copied where a transaction
begins. tests/properties/test_transactions.py does the same one floor below, statement by
statement.
"""

import asyncio
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from perdure.actors.base import DurableObject
from perdure.actors.durable_storage import DurableStorage, Transaction
from perdure.actors.errors import ActorReset
from tests.properties.examples import examples, scratch
from tests.world import World

pytestmark = pytest.mark.slow

KEYS = st.text(st.sampled_from("ab\0é\uffff😀"), max_size=2)
ROWS = st.sampled_from("xyz")
NUMBERS = st.integers(0, 99)
LATER_MS = 2_000_000_000  # the clock stands at half of it
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "end": KEYS,
        "prefix": KEYS,
        "reverse": st.booleans(),
        "limit": st.integers(1, 4),
    },
).flatmap(
    lambda options: st.sampled_from(("start", "start_after", "")).flatmap(
        lambda first: KEYS.map(lambda key: {**options, first: key} if first else options)
    )
)
# A call, and what it is given. Those of the second list can be made without awaiting anything.
AWAITED = st.one_of(
    st.tuples(st.just("put"), KEYS, NUMBERS),
    st.tuples(st.just("put_many"), st.dictionaries(KEYS, NUMBERS, max_size=3)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("delete_many"), st.lists(KEYS, max_size=3, unique=True)),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("get_many"), st.lists(KEYS, max_size=3)),
    st.tuples(st.just("list"), OPTIONS),
    st.tuples(st.just("set_alarm"), NUMBERS),
    st.tuples(st.just("delete_alarm")),
    st.tuples(st.just("get_alarm")),
    st.tuples(st.just("suspend")),
)
SYNCHRONOUS = st.one_of(
    st.tuples(st.just("kv.put"), KEYS, NUMBERS),
    st.tuples(st.just("kv.delete"), KEYS),
    st.tuples(st.just("kv.get"), KEYS),
    st.tuples(st.just("kv.list"), OPTIONS),
    st.tuples(st.just("sql.put"), ROWS, NUMBERS),
    st.tuples(st.just("sql.delete"), ROWS),
    st.tuples(st.just("sql.rows")),
)
Call = tuple[Any, ...]


def transactions(kind: str, inner: st.SearchStrategy[Call], ends: str) -> st.SearchStrategy[Call]:
    return st.tuples(
        st.just(kind), st.lists(inner, max_size=5), st.sampled_from(tuple(ends.split()))
    )


IN_SYNC: st.SearchStrategy[Call] = st.recursive(
    SYNCHRONOUS,
    lambda inner: transactions("transaction_sync", inner, "well raising"),
    max_leaves=6,
)
PROGRAMS: st.SearchStrategy[Call] = st.recursive(
    AWAITED | IN_SYNC,
    lambda inner: transactions("transaction", inner, "well raising rolled-back"),
    max_leaves=10,
)


class Undo(Exception):
    """Ends a transaction that is to be undone."""


class Model:
    """One actor's storage, said as simply as possible."""

    def __init__(self) -> None:
        self.kv: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.alarm_ms: int | None = None

    def listed(self, options: dict[str, Any]) -> list[tuple[str, int]]:
        keys = sorted(self.kv, key=str.encode, reverse=options.get("reverse", False))
        start, after, end = (options.get(name) for name in ("start", "start_after", "end"))
        found = [
            key
            for key in keys
            if key.startswith(options.get("prefix", ""))
            and (start is None or key.encode() >= start.encode())
            and (after is None or key.encode() > after.encode())
            and (end is None or key.encode() < end.encode())
        ]
        return [(key, self.kv[key]) for key in found[: options.get("limit")]]

    def run(self, program: list[Call]) -> Iterator[Any]:
        """Yield what each call gives, in the order in which they end."""
        for name, *given in program:
            if name.startswith("transaction"):
                before = copy.deepcopy(vars(self))
                yield from self.run(given[0])
                if given[1] != "well":
                    vars(self).update(before)
                yield name, given[1]
            else:
                yield self.call(name, *given)

    def call(self, name: str, *given: Any) -> Any:
        name = name.removeprefix("kv.")
        match name, given:
            case "put", (key, value):
                self.kv[key] = value
            case "put_many", (entries,):
                self.kv.update(entries)
            case "delete", (key,):
                return self.kv.pop(key, None) is not None
            case "delete_many", (keys,):
                return sum(self.kv.pop(key, None) is not None for key in keys)
            case "get", (key,):
                return self.kv.get(key)
            case "get_many", (keys,):
                return {key: self.kv[key] for key in keys if key in self.kv}
            case "list", (options,):
                return self.listed(options)
            case "sql.put", (key, value):
                self.rows[key] = value
            case "sql.delete", (key,):
                self.rows.pop(key, None)
            case "sql.rows", ():
                return sorted(self.rows.items())
            case "set_alarm", (number,):
                self.alarm_ms = LATER_MS + number
            case "delete_alarm", ():
                self.alarm_ms = None
            case "get_alarm", ():
                return self.alarm_ms
        return None


class Subject(DurableObject):
    """Runs programs; a list of what their calls gave is the reply."""

    async def run(self, program: list[Call]) -> list[Any]:
        self.said: list[Any] = []
        storage = self.ctx.storage
        storage.sql.exec("CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v INTEGER)")
        await self.run_in(storage, program)
        return self.said

    async def run_and_abort(self, program: list[Call]) -> None:
        await self.run(program)
        self.ctx.abort("on purpose")

    async def alarm(self) -> None:
        """Alarms may be set."""

    async def run_in(self, calls: DurableStorage | Transaction, program: list[Call]) -> None:
        for name, *given in program:
            if name == "transaction":
                await self.transaction(given[0], given[1])
            elif name == "suspend":
                await asyncio.sleep(0)
                self.said.append(None)
            elif name == "transaction_sync" or "." in name:
                self.run_sync([(name, *given)])
            elif name == "list":
                self.said.append(list((await calls.list(**given[0])).items()))
            else:
                method = getattr(calls, name.removesuffix("_many"))
                arguments = [LATER_MS + given[0]] if name == "set_alarm" else given
                self.said.append(await method(*arguments))

    async def transaction(self, program: list[Call], end: str) -> None:
        async def body(txn: Transaction) -> None:
            await self.run_in(txn, program)
            if end == "raising":
                raise Undo
            if end == "rolled-back":
                txn.rollback()

        try:
            await self.ctx.storage.transaction(body)
        except Undo:
            assert end == "raising"
        self.said.append(("transaction", end))

    def run_sync(self, program: list[Call]) -> None:
        storage = self.ctx.storage
        for name, *given in program:
            if name == "transaction_sync":
                self.transaction_sync(given[0], given[1])
            elif name == "kv.list":
                self.said.append(list(storage.kv.list(**given[0])))
            elif name == "sql.put":
                storage.sql.exec("INSERT OR REPLACE INTO t VALUES (?, ?)", *given)
                self.said.append(None)
            elif name == "sql.delete":
                storage.sql.exec("DELETE FROM t WHERE k = ?", *given)
                self.said.append(None)
            elif name == "sql.rows":
                rows = storage.sql.exec("SELECT k, v FROM t ORDER BY k").raw()
                self.said.append([tuple(row) for row in rows])
            else:
                method = getattr(storage.kv, name.removeprefix("kv."))
                self.said.append(method(*given))

    def transaction_sync(self, program: list[Call], end: str) -> None:
        def body() -> None:
            self.run_sync(program)
            if end == "raising":
                raise Undo

        try:
            self.ctx.storage.transaction_sync(body)
        except Undo:
            assert end == "raising"
        self.said.append(("transaction_sync", end))


def plain(said: list[Any]) -> list[Any]:
    """As RPC brings it: a tuple arrives as a list."""
    return [plain(list(each)) if isinstance(each, tuple | list) else each for each in said]


class StorageMachine(RuleBasedStateMachine):
    """One actor, called again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = scratch()
        self.world: World = self.loop.run_until_complete(self.make_world())
        self.model = Model()

    async def make_world(self) -> World:
        world = World(Path(self.directory.name))
        world.namespace(Subject)
        return world

    def stub(self) -> Any:
        return self.world.stub(Subject)

    @rule(program=st.lists(PROGRAMS, min_size=1, max_size=8))
    def run(self, program: list[Call]) -> None:
        async def run() -> Any:
            return await self.stub().run(program)

        assert plain(self.loop.run_until_complete(run())) == plain(list(self.model.run(program)))

    @rule(program=st.lists(PROGRAMS, max_size=3))
    def reset(self, program: list[Call]) -> None:
        """What the last turn wrote is lost with the actor's memory, and nothing else."""
        program = [("suspend",), *(each for each in program if each[0] in {"kv.put", "sql.put"})]

        async def run() -> None:
            with pytest.raises(ActorReset):
                await self.stub().run_and_abort(program)

        self.loop.run_until_complete(run())

    @rule()
    def leave_memory(self) -> None:
        async def leave() -> None:
            await asyncio.sleep(0)
            self.world.clock.advance(60)

        self.loop.run_until_complete(leave())
        assert self.world.live(Subject) == 0

    def teardown(self) -> None:
        self.run([("list", {}), ("sql.rows",), ("get_alarm",)])
        self.world.close()
        self.loop.close()
        self.directory.cleanup()


TestStorage = StorageMachine.TestCase
TestStorage.settings = examples(25, steps=12)
