"""What a worker does for its supervisor only."""

import asyncio
from pathlib import Path

from perdure.runtime.host.operations.house import Values
from perdure.runtime.shards.operations.worker_desk import worker_desk
from perdure.storage.saved_alarms import SavedAlarms
from tests.town import KEY, Listener, Town


class Hears(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    async def item(self, item: Values) -> None:
        await super().item(item)
        self.heard.set()


async def test_it_holds_still_until_whoever_asked_goes(town: Town) -> None:
    await town.room().put(a=1)
    listener = Hears()
    desk = worker_desk(town.house)
    holding = asyncio.ensure_future(desk.run("hold-still", {}, listener))
    await listener.heard.wait()
    assert listener.items == [{"lsn": town.store.log.appended_lsn}]
    assert town.house.no_backup.locked()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert not town.house.no_backup.locked()


async def test_it_copies_its_alarms(town: Town, tmp_path: Path) -> None:
    await town.room().set_alarm(4_000_000_000_000)
    await town.ask("show", namespace="Room", name="lobby")
    target = tmp_path / "alarms.db"
    await worker_desk(town.house).run("copy-alarms", {"target": str(target)}, Listener())
    copy = SavedAlarms(target)
    assert [(key, raw) for key, raw, *_ in copy.rows()] in ([(KEY, town.id_of().raw)], [])
    copy.close()
