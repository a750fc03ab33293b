"""What would be done is told in full, and deletions want somebody's yes."""

import io
import sys
from pathlib import Path

import pytest

from perdure.cli.migrations import ask, describe_plan, refuse, tell_of_deletions
from perdure.cli.output import Output
from perdure.cli.project import Project, open_project
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.host.migration_plan import MigrationPlan, agree
from perdure.runtime.server import plan_only

DELETION = """
[[migrations]]
tag = "v2"
new_sqlite_classes = ["Draft"]
[[migrations]]
tag = "v3"
deleted_classes = ["Draft"]
renamed_classes = [{ from = "Room", to = "Hall" }]
[[migrations]]
tag = "v4"
"""


@pytest.fixture
def opened(project: Path) -> Project:
    config = project / "wrangler.toml"
    text = config.read_text().replace('class_name = "Room"', 'class_name = "Hall"')
    config.write_text(text + DELETION)
    return open_project(config, None, None)


@pytest.fixture
async def plan(opened: Project) -> MigrationPlan:
    return await plan_of(opened.config, opened.data_dir)


async def plan_of(config: WorkerConfig, data_dir: Path) -> MigrationPlan:
    return await plan_only(config, data_dir)


def test_every_step_is_told_with_its_changes(plan: MigrationPlan) -> None:
    assert [line.plain for line in describe_plan(plan)] == [
        "  v1",
        "    create Room (SQLite)",
        "  v2",
        "    create Draft (SQLite)",
        "  v3",
        "    delete Draft and all its objects",
        "    rename Room to Hall",
        "  v4",
        "    nothing to do",
    ]


def test_agreeing_and_refusing_are_what_they_say(plan: MigrationPlan) -> None:
    assert agree(plan)
    assert not refuse(plan)


def test_nobody_at_the_terminal_is_a_no(
    plan: MigrationPlan, opened: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert not ask(Output(), opened)(plan)


@pytest.mark.parametrize(
    ("days", "fate"),
    [
        ("30", "They stay in {data}/trash for 30 days."),
        ("1.0", "They stay in {data}/trash for 1 day."),
        ("0", "They cannot be taken back."),
    ],
)
def test_it_is_told_whether_objects_could_be_taken_back(
    project: Path, capsys: pytest.CaptureFixture[str], days: str, fate: str
) -> None:
    config = project / "wrangler.toml"
    config.write_text(f"{config.read_text()}\n[perdure]\ntrash_retention_days = {days}\n")
    opened = open_project(config, None, None)
    tell_of_deletions(Output(), opened, [])
    assert fate.format(data=opened.data_dir) in capsys.readouterr().err
