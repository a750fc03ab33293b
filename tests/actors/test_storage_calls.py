"""The asynchronous key-value and alarm calls, on ``ctx.storage`` and on transactions alike."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.state import DurableObjectState
from perdure.actors.storage_calls import StorageCalls
from perdure.storage.errors import (
    InvalidArgument,
    LimitExceeded,
    UsageError,
    ValueNotSerializable,
)
from tests.world import World

Script = Callable[[Any], Awaitable[Any]]


class Store(DurableObject):
    """Runs a script on its storage, or on a transaction of it."""

    script: Script

    async def direct(self) -> None:
        await Store.script(self.ctx.storage)

    async def within(self) -> None:
        await self.ctx.storage.transaction(Store.script)

    def alarm(self) -> None: ...


class WithoutAlarm(DurableObject):
    async def set(self) -> None:
        await self.ctx.storage.set_alarm(5)


Run = Callable[[Script], Awaitable[None]]


@pytest.fixture(params=["direct", "within"])
def run(request: pytest.FixtureRequest, world: World) -> Run:
    """Run a script on the storage, or within a transaction."""

    async def run_it(script: Script) -> None:
        Store.script = script
        await getattr(world.stub(Store), request.param)()

    return run_it


# Keys and values.


async def test_what_was_put_is_got(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        assert await storage.get("a") is None
        await storage.put("a", [1, {"x": None}])
        assert await storage.get("a") == [1, {"x": None}]
        await storage.put("a", None)
        assert await storage.get(["a", "missing"]) == {"a": None}

    await run(script)


async def test_a_call_is_done_when_it_is_made(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        storage.put("a", 1)
        storage.put("b", 2)
        storage.delete("a")
        assert storage.get("b").value == 2
        assert storage.get(("a", "b")).value == {"b": 2}

    await run(script)


async def test_a_mapping_is_put_whole_or_not_at_all(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        await storage.put({"a": 1, "b": 2})
        with pytest.raises(ValueNotSerializable, match=r"the value of 'd'"):
            storage.put({"c": 3, "d": object()})
        assert await storage.list() == {"a": 1, "b": 2}

    await run(script)


async def test_a_value_that_a_caller_changes_afterwards_stays_as_it_was(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        value = [1]
        storage.put("a", value)
        value.append(2)
        found = await storage.get("a")
        found.append(3)
        assert await storage.get("a") == [1]

    await run(script)


async def test_put_needs_a_value_and_only_one_form(run: Run) -> None:
    async def script(storage: Any) -> None:
        with pytest.raises(UsageError, match="undefined value"):
            storage.put("a")
        with pytest.raises(UsageError, match="either a key and a value, or one mapping"):
            storage.put({"a": 1}, 2)
        assert await storage.list() == {}

    await run(script)


async def test_delete_says_whether_or_how_many(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        await storage.put({"a": 1, "b": 2, "c": 3})
        assert await storage.delete("a") is True
        assert await storage.delete("a") is False
        assert await storage.delete(["a", "b", "c"]) == 2
        assert await storage.delete(key for key in ("x", "y")) == 0

    await run(script)


async def test_list_is_in_the_order_of_keys_within_bounds(run: Run) -> None:
    async def script(storage: StorageCalls) -> None:
        for key in ("b2", "a", "b1", "c", "b3"):
            storage.put(key, key.upper())
        assert list(await storage.list()) == ["a", "b1", "b2", "b3", "c"]
        assert list(await storage.list(prefix="b")) == ["b1", "b2", "b3"]
        assert list(await storage.list(start="b1", end="c")) == ["b1", "b2", "b3"]
        assert list(await storage.list(start_after="b1", limit=2)) == ["b2", "b3"]
        assert list(await storage.list(prefix="b", reverse=True, limit=2)) == ["b3", "b2"]
        with pytest.raises(InvalidArgument, match="List limit must be positive"):
            storage.list(limit=0)

    await run(script)


async def test_what_is_no_key_is_refused(run: Run) -> None:
    async def script(storage: Any) -> None:
        with pytest.raises(InvalidArgument, match="a key is a str, not 5"):
            storage.get(5)
        with pytest.raises(InvalidArgument, match="a key is a str, not 5"):
            storage.put(5, 1)
        with pytest.raises(LimitExceeded):
            storage.put("x" * 3000, 1)

    await run(script)


async def test_options_of_the_original_are_accepted_and_others_are_not(run: Run) -> None:
    async def script(storage: Any) -> None:
        options = {"allow_concurrency": True, "allow_unconfirmed": True, "no_cache": True}
        storage.put("a", 1, **options)
        assert await storage.get("a", **options) == 1
        assert await storage.list(**options) == {"a": 1}
        storage.set_alarm(5, **options)
        await storage.get_alarm(**options)
        storage.delete_alarm(**options)
        assert await storage.delete("a", **options) is True
        for name in ("get", "put", "list", "delete", "set_alarm", "get_alarm", "delete_alarm"):
            arguments = {"list": [], "get_alarm": [], "delete_alarm": []}.get(name, ["a"])
            with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected option cache, ttl"):
                getattr(storage, name)(*arguments, ttl=1, cache=2)

    await run(script)


@pytest.mark.parametrize("which", ["put", "put many", "delete", "delete many", "set_alarm"])
async def test_what_need_not_be_confirmed_lets_a_call_out_at_once(
    run: Run, world: World, which: str
) -> None:
    """A call out of a transaction that waited for its commit would be refused."""

    async def script(storage: StorageCalls) -> None:
        calls: dict[str, Callable[..., Any]] = {
            "put": lambda **options: storage.put("a", 1, **options),
            "put many": lambda **options: storage.put({"a": 1, "b": 2}, **options),
            "delete": lambda **options: storage.delete("old", **options),
            "delete many": lambda **options: storage.delete(["old", "none"], **options),
            "set_alarm": lambda **options: storage.set_alarm(2_000_000_000_000, **options),
        }
        await calls[which](allow_unconfirmed=True)
        actor = world.actor(Store)
        assert actor.database.has_writes
        actor.emit(lambda: left.append("at once"))
        assert left == ["at once"]
        storage.delete_alarm(allow_unconfirmed=True)
        assert actor.database.is_unconfirmed
        await storage.put("old", 2)
        await calls[which](allow_unconfirmed=True)
        actor.emit(lambda: left.append("when both are durable"))
        assert left == ["at once"]

    async def old(storage: StorageCalls) -> None:
        await storage.put("old", 1)

    left: list[str] = []
    await run(old)
    await run(script)
    assert left == ["at once", "when both are durable"]


async def test_a_write_is_confirmed_unless_it_is_said_that_it_need_not_be(
    run: Run, world: World
) -> None:
    async def script(storage: StorageCalls) -> None:
        storage.put("a", 1, allow_unconfirmed=False, no_cache=True)
        assert not world.actor(Store).database.is_unconfirmed
        with pytest.raises(InvalidArgument):
            storage.put(5, 1, allow_unconfirmed=True)  # type: ignore[call-overload]  # on purpose
        assert not world.actor(Store).database.is_unconfirmed

    await run(script)


# Alarms.


async def test_an_alarm_can_be_set_seen_replaced_and_deleted(run: Run, world: World) -> None:
    now = world.clock.time_ms()

    async def script(storage: StorageCalls) -> None:
        assert await storage.get_alarm() is None
        await storage.set_alarm(now + 5000)
        await storage.set_alarm(now + 9000)
        assert await storage.get_alarm() == now + 9000
        await storage.delete_alarm()
        assert await storage.get_alarm() is None
        await storage.delete_alarm()

    await run(script)


@pytest.mark.parametrize(
    ("time", "expected_ms"),
    [
        (2_000_000_000_000, 2_000_000_000_000),
        (2_000_000_000_000.9, 2_000_000_000_000),
        (datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC), 2_000_000_000_000),
        (
            datetime(2033, 5, 18, 5, 33, 20, tzinfo=timezone(timedelta(hours=2))),
            2_000_000_000_000,
        ),
        (float("inf"), 2**62),
        (1, 1_000_000_000),  # the past means now, which the clock of these tests says is this
    ],
)
async def test_times_of_all_kinds(run: Run, time: Any, expected_ms: int) -> None:
    async def script(storage: StorageCalls) -> None:
        await storage.set_alarm(time)
        assert await storage.get_alarm() == expected_ms

    await run(script)


async def test_a_naive_datetime_is_local_time(run: Run) -> None:
    time = datetime(2033, 5, 18, 3, 33, 20)  # noqa: DTZ001  # that is what is tested

    async def script(storage: StorageCalls) -> None:
        await storage.set_alarm(time)
        assert await storage.get_alarm() == int(time.timestamp() * 1000)

    await run(script)


@pytest.mark.parametrize("time", [0, -5, 0.5, float("-inf"), datetime(1960, 1, 1, tzinfo=UTC)])
async def test_times_before_1970_are_refused(run: Run, time: Any) -> None:
    async def script(storage: StorageCalls) -> None:
        with pytest.raises(UsageError, match="alarm time <= 0"):
            storage.set_alarm(time)
        assert await storage.get_alarm() is None

    await run(script)


@pytest.mark.parametrize("time", [None, "2033-05-18", float("nan"), True, timedelta(1)])
async def test_what_is_no_time_is_refused(run: Run, time: Any) -> None:
    async def script(storage: StorageCalls) -> None:
        with pytest.raises(UsageError, match="takes Unix milliseconds or a datetime, not"):
            storage.set_alarm(time)

    await run(script)


async def test_a_class_without_a_handler_sets_no_alarm(world: World) -> None:
    with pytest.raises(UsageError, match=r"must have an alarm\(\) handler"):
        await world.stub(WithoutAlarm).set()


async def test_an_alarm_can_be_set_while_the_constructor_runs(world: World) -> None:
    class Early(DurableObject):
        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            ctx.storage.set_alarm(world.clock.time_ms() + 1000)

        def alarm(self) -> None: ...

        async def when(self) -> int | None:
            return await self.ctx.storage.get_alarm()

    assert await world.stub(Early).when() == world.clock.time_ms() + 1000


async def test_the_index_hears_of_alarms_that_were_committed(run: Run, world: World) -> None:
    async def script(storage: StorageCalls) -> None:
        storage.set_alarm(2_000_000_000_000)

    await run(script)
    assert world.alarms.committed_ms == [2_000_000_000_000]
