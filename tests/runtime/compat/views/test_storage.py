"""``ctx.storage`` in the platform's spelling."""

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.proxies import JsException
from tests.world import World


async def test_values_come_back_as_the_sdk_gives_them(workers: World) -> None:
    async def script(lab: Any) -> None:
        storage = lab.ctx.storage
        await storage.put("k", {"n": 1, "list": [1, {"x": 2}], "data": b"ab"})
        value = await storage.get("k")
        assert value.n == value["n"] == 1
        assert value.list[1].x == 2
        assert value.data.to_bytes() == bytes(value.data) == b"ab"
        assert value.to_py()["list"] == [1, {"x": 2}]
        assert await storage.get("missing") is None

    await workers.inside(script)


async def test_keys_are_coerced_and_several_are_one_call(workers: World) -> None:
    async def script(lab: Any) -> None:
        storage = lab.ctx.storage
        await storage.put({"a": 1, "b": 2, 5: 3})
        assert await storage.get(["b", "a", "none", 5]) == {"5": 3, "a": 1, "b": 2}
        assert (await storage.get(["a"])).a == 1
        assert await storage.delete("a") is True
        assert await storage.delete("a") is False
        assert await storage.delete(["b", "a", 5]) == 2

    await workers.inside(script)


async def test_list_takes_options_either_way_and_keeps_the_order(workers: World) -> None:
    async def script(lab: Any) -> None:
        storage = lab.ctx.storage
        await storage.put({"a1": 1, "a2": 2, "b1": 3})
        assert list(await storage.list(prefix="a", reverse=True)) == ["a2", "a1"]
        assert list(await storage.list({"startAfter": "a1", "limit": 1.9})) == ["a2"]
        assert (await storage.list()).b1 == 3

    await workers.inside(script)


@pytest.mark.parametrize("value", [(1, 2), bytearray(b"x"), {"deep": [(1,)]}])
async def test_what_the_platform_cannot_send_cannot_be_stored(value: Any, workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(TypeError, match="cannot be sent over RPC"):
            lab.ctx.storage.put("k", value)

    await workers.inside(script)


async def test_an_object_of_the_programs_own_cannot_be_stored(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(JsException, match="DataCloneError"):
            lab.ctx.storage.put("k", object())

    await workers.inside(script)


async def test_a_value_that_is_not_there_is_no_value(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(JsException, match="called with undefined value"):
            lab.ctx.storage.put("k")
        with pytest.raises(TypeError, match="parameter 3 is not of type 'PutOptions'"):
            lab.ctx.storage.put("k", 1, 2)

    await workers.inside(script)


async def test_an_aware_time_comes_back_naive_and_local(workers: World) -> None:
    async def script(lab: Any) -> None:
        at = datetime(2026, 1, 2, 3, tzinfo=UTC)
        await lab.ctx.storage.put("at", at)
        found = await lab.ctx.storage.get("at")
        assert found.tzinfo is None
        assert found.astimezone(UTC) == at

    await workers.inside(script)


async def test_a_transaction_keeps_all_or_nothing(workers: World) -> None:
    async def script(lab: Any) -> None:
        storage = lab.ctx.storage

        async def good(txn: Any) -> str:
            await txn.put("k", [1])
            assert (await txn.get("k")).to_py() == [1]
            return "done"

        async def bad(txn: Any) -> None:
            await txn.put("k", 2)
            raise ValueError("no")

        async def undone(txn: Any) -> None:
            await txn.put("k", 3)
            txn.rollback()

        assert await storage.transaction(good) == "done"
        with pytest.raises(ValueError, match="no"):
            await storage.transaction(bad)
        await storage.transaction(undone)
        assert storage.transactionSync(lambda: storage.kv.put("sync", 1)) is None
        assert (await storage.list()).to_py() == {"k": [1], "sync": 1}

    await workers.inside(script)


async def test_kv_is_the_same_keys_synchronously(workers: World) -> None:
    async def script(lab: Any) -> None:
        kv = lab.ctx.storage.kv
        kv.put("a", {"n": 1})
        kv.put("b", 2)
        assert kv.get("a").n == 1
        assert [(key, value) for key, value in kv.list(prefix="b")] == [("b", 2)]
        assert kv.list().next().value.to_py() == ["a", {"n": 1}]
        assert kv.delete("a") is True
        assert await lab.ctx.storage.get("b") == 2
        await lab.ctx.storage.deleteAll()
        assert kv.list().toArray() == []
        await lab.ctx.storage.sync()

    await workers.inside(script)


async def test_alarms_are_set_in_milliseconds_by_datetimes_and_by_dates(workers: World) -> None:
    async def script(lab: Any) -> None:
        storage = lab.ctx.storage
        storage.native.alarm.has_handler = True
        far = 9_000_000_000_000
        for given in (far, datetime.fromtimestamp(far / 1000, UTC), Date(far)):
            await storage.setAlarm(given)
            assert await storage.getAlarm() == far
            await storage.deleteAlarm()
            assert await storage.getAlarm() is None

    await workers.inside(script)


async def test_bookmarks_are_texts(workers: World) -> None:
    async def script(lab: Any) -> None:
        now = await lab.ctx.storage.getCurrentBookmark()
        assert isinstance(now, str)
        assert await lab.ctx.storage.getBookmarkForTime(Date(9_000_000_000_000)) == now
        assert await lab.ctx.storage.onNextSessionRestoreBookmark(now) == now

    await workers.inside(script)
