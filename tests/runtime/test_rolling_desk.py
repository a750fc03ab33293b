"""What an operator hears of a reload; the rest is in tests/cli/test_reload.py."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.errors import ConfigError, Problem
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.control.desk import Desk
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.errors import MigrationDeclined
from perdure.runtime.host.migration_plan import Confirm, Deleted, MigrationPlan, Namespace
from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.rolling import Reloaded, Resized
from perdure.runtime.rolling_desk import NOTHING_CHANGED, RollingDesk
from perdure.runtime.shards.supervisor.errors import ChildFailed, SupervisorStopping
from perdure.runtime.shards.supervisor.places import Place, Role
from tests.town import Listener

CONFIG = WorkerConfig("app", Path("/app/main.py"), Path("/app/wrangler.toml"), Path("/app"))
WORKER = Place(Role.WORKER, "0")
ROOM = Deleted(Namespace("app-Room", "Room", "sqlite"))
PLAN = MigrationPlan("app", (), {}, (ROOM,), ())


class Server:
    """A ``Rolling`` that does what the test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asks = False
        self.reloads = 0

    async def reload(self, config: WorkerConfig, confirm: Confirm) -> Reloaded:
        assert config is CONFIG
        self.reloads += 1
        if self.asks and not confirm(PLAN):
            raise MigrationDeclined(PLAN)
        if self.error is not None:
            raise self.error
        return Reloaded(2, ("v2",), self.asks, (), ("dev.port",))

    async def resize(self, workers: int) -> Resized:
        if self.error is not None:
            raise self.error
        return Resized(1, workers, 683)


async def no_data(name: str, arguments: Values, told: Told) -> Values:
    raise AssertionError(name)


class Office:
    """A desk with such a server behind it."""

    def __init__(self, config: WorkerConfig | Exception = CONFIG) -> None:
        self.server = Server()
        self.config = config
        server: Any = self.server
        self.rolling = RollingDesk(server, self.read, lambda _: False)
        self.desk = Desk(no_data)
        self.rolling.open(self.desk)

    def read(self) -> WorkerConfig:
        if isinstance(self.config, Exception):
            raise self.config
        return self.config

    async def ask(self, name: str, **arguments: Any) -> Values:
        return await self.desk.run(name, arguments, Listener())

    async def refusal(self, name: str, **arguments: Any) -> tuple[str, str, bool]:
        with pytest.raises(OperationFailed) as failed:
            await self.ask(name, **arguments)
        failure = failed.value.failure
        return failure.message, failure.hint, failure.is_usage


async def test_what_was_done_is_told() -> None:
    office = Office()
    told = await office.ask("reload")
    assert (told["workers"], told["tags"], told["needs_start"]) == (2, ("v2",), ("dev.port",))
    assert (await office.ask("resize", workers=3))["moved_partitions"] == 683


async def test_deletions_need_a_yes() -> None:
    office = Office()
    office.server.asks = True
    message, hint, is_usage = await office.refusal("reload")
    assert "deletes all objects of Room" in message
    assert "--yes" in hint
    assert is_usage
    assert (await office.ask("reload", yes=True))["was_at_once"]


async def test_code_that_cannot_be_imported_is_shown_to_its_author() -> None:
    office = Office()
    office.server.error = ChildFailed(WORKER, "main.py:3: error: no", is_usage=True)
    for name, arguments in (("reload", {}), ("resize", {"workers": 2})):
        said = await office.refusal(name, **arguments)
        assert said == (NOTHING_CHANGED, "main.py:3: error: no", True)
    office.server.error = ChildFailed(WORKER, "SIGKILL")
    message, hint, is_usage = await office.refusal("reload")
    assert (message, hint, is_usage) == ("worker 0 did not come to serve: SIGKILL", "", False)


async def test_a_configuration_that_cannot_be_read_changes_nothing() -> None:
    problem = Problem(None, "main", None, None, "There is no main.", "")
    office = Office(ConfigError([problem]))
    message, hint, is_usage = await office.refusal("reload")
    assert (message, is_usage) == (NOTHING_CHANGED, True)
    assert "There is no main." in hint
    assert office.server.reloads == 0


async def test_a_signal_is_answered_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    office = Office()

    async def logged() -> Any:
        office.rolling.hang_up()
        await asyncio.gather(*office.rolling._tasks)
        records, caplog.records[:] = list(caplog.records), []
        return [(record.getMessage(), vars(record)) for record in records]

    [(event, fields)] = await logged()
    assert (event, fields["workers"]) == ("server.reloaded", 2)
    office.server.asks = True
    [(event, fields)] = await logged()
    assert event == "reload.failed"
    assert "Room" in fields["cause"]
    office.server.asks, office.server.error = False, SupervisorStopping()
    assert await logged() == []
    office.rolling.hang_up()
    await office.rolling.close()
