"""What a declaration of classes would do to a data directory, and when it does not fit."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import ExportedClass, MigrationStep, WorkerConfig
from perdure.runtime.host.export_plan import plan_exports
from perdure.runtime.host.migration_plan import MigrationRefused, Namespace, Recorded, plan
from perdure.runtime.host.migrations import apply, plan_for, read_recorded
from perdure.storage.catalog import NamespaceRecord, NamespaceState, Storage
from tests.runtime.host.test_migrations import NOW_MS, opened

FILE = Path("wrangler.toml")
ROOM = ExportedClass("Room", line=5)
GONE = ExportedClass("Room", "deleted", line=5)
MOVED = ExportedClass("Room", "renamed", renamed_to="Hall", line=5)


def config(*exports: ExportedClass, name: str = "chat") -> WorkerConfig:
    return WorkerConfig(name, Path("main.py"), FILE, Path(), exports=exports)


def record(
    key: str,
    class_name: str,
    worker: str = "chat",
    storage: Storage = "sqlite",
    state: NamespaceState = "live",
) -> NamespaceRecord:
    return NamespaceRecord(key, worker, class_name, storage, state, 0)


def at(*of: NamespaceRecord, tags: Sequence[str] = (), workers: Sequence[str] = ()) -> Recorded:
    return Recorded(workers or ["chat"], tags, of)


def told(it: WorkerConfig, recorded: Recorded) -> list[str]:
    """The changes of the one step, or nothing."""
    steps = plan_exports(it, recorded).steps
    assert len(steps) <= 1
    return [str(change) for step in steps for change in step.changes]


def refusal(it: WorkerConfig, recorded: Recorded) -> Problem:
    with pytest.raises(MigrationRefused) as raised:
        plan_exports(it, recorded)
    (problem,) = raised.value.problems
    return problem


def test_a_new_directory_gets_every_class() -> None:
    it = config(ROOM, ExportedClass("Draft", storage="kv"), ExportedClass("Old", "deleted"))
    assert told(it, Recorded()) == ["create Room (SQLite)", "create Draft (key-value)"]
    made = plan_exports(it, Recorded())
    assert [step.tag for step in made.steps] == ["exports:1"]
    assert made.namespaces["Room"] == Namespace("chat-Room", "Room", "sqlite")
    assert not made.is_destructive


def test_what_is_there_is_left_alone() -> None:
    made = plan_exports(config(ROOM), at(record("chat-Room", "Room"), tags=["exports:1"]))
    assert made.steps == ()
    assert made.namespaces["Room"].unique_key == "chat-Room"


def test_objects_go_with_the_class_to_its_new_name_once() -> None:
    it = config(MOVED, ExportedClass("Hall"))
    assert told(it, at(record("chat-Room", "Room"))) == ["rename Room to Hall"]
    made = plan_exports(it, at(record("chat-Room", "Room"), tags=["exports:1"]))
    assert [step.tag for step in made.steps] == ["exports:2"]
    assert made.namespaces == {"Hall": Namespace("chat-Room", "Hall", "sqlite")}
    assert told(it, at(record("chat-Room", "Hall"))) == []
    assert told(it, Recorded()) == ["create Hall (SQLite)"]


def test_a_chain_of_renames_is_followed_to_its_end() -> None:
    hall = ExportedClass("Hall", "renamed", renamed_to="Cell")
    it = config(MOVED, hall, ExportedClass("Cell"))
    assert told(it, at(record("chat-Room", "Room"))) == ["rename Room to Cell"]
    assert told(it, at(record("chat-Room", "Hall"))) == ["rename Hall to Cell"]


def test_a_deletion_is_destructive_and_done_once() -> None:
    made = plan_exports(config(GONE), at(record("chat-Room", "Room")))
    assert [str(change) for change in made.steps[0].changes] == ["delete Room and all its objects"]
    assert made.is_destructive
    assert made.namespaces == {}
    assert told(config(GONE), at(record("chat-Room", "Room", state="deleted"))) == []


def test_a_class_that_is_created_again_has_a_new_key() -> None:
    made = plan_exports(config(ROOM), at(record("chat-Room", "Room", state="deleted")))
    assert made.namespaces["Room"].unique_key == "chat-Room-2"


def test_an_unfinished_deletion_is_gone_on_with() -> None:
    made = plan_exports(config(GONE), at(record("chat-Room", "Room", state="deleting")))
    assert (made.steps, made.unfinished) == ((), ("chat-Room",))


def test_migrations_may_be_followed_by_exports() -> None:
    before = at(record("chat-Room", "Room"), tags=["v1", "v2"])
    assert told(config(ROOM), before) == []
    made = plan_exports(config(GONE), before)
    assert [step.tag for step in made.steps] == ["exports:1"]


def test_exports_are_not_followed_by_migrations() -> None:
    steps = (MigrationStep("v1", new_sqlite_classes=("Room",)),)
    back = WorkerConfig("chat", Path("main.py"), FILE, Path(), migrations=steps)
    with pytest.raises(MigrationRefused) as raised:
        plan(back, at(record("chat-Room", "Room"), tags=["v1", "exports:1"]))
    (problem,) = raised.value.problems
    assert problem.message == (
        "The data directory was last changed by `exports`, which no migrations can follow."
    )


def test_objects_of_a_class_that_is_not_named_are_not_lost_silently() -> None:
    problem = refusal(config(), at(record("chat-Room", "Room", storage="kv")))
    assert problem.message == (
        'The data directory has objects of the class "Room", which `exports` does not name.'
    )
    assert problem.hint == (
        'Add:\n[exports.Room]\ntype = "durable-object"\nstorage = "legacy-kv"\n'
        'or, to be rid of its objects:\n[exports.Room]\ntype = "durable-object"\nstate = "deleted"'
    )


def test_two_classes_do_not_become_one() -> None:
    both = at(record("chat-Room", "Room"), record("chat-Hall", "Hall"))
    problem = refusal(config(MOVED, ExportedClass("Hall", line=9)), both)
    assert problem.message == 'There are objects of "Hall" and "Room", which would be one class.'
    assert (problem.key_path, problem.line) == ("exports.Hall", 9)


@pytest.mark.parametrize("here", ["Room", "Hall"])
def test_how_a_class_is_stored_stays(here: str) -> None:
    it = config(MOVED, ExportedClass("Hall", storage="kv"))
    problem = refusal(it, at(record("chat-Room", here)))
    assert problem.message == 'The class "Hall" was created with "sqlite", which is for good.'
    assert 'storage = "sqlite"' in problem.hint


def test_a_class_is_taken_over_from_another_worker_once() -> None:
    it = config(ExportedClass("Room", "expecting-transfer", transfer_from="old"), name="chat")
    theirs = at(record("old-Room", "Room", worker="old"), workers=["old"])
    assert told(it, theirs) == ["take over Room of old as Room"]
    assert plan_exports(it, theirs).namespaces["Room"].unique_key == "old-Room"
    ours = at(record("old-Room", "Room"), workers=["chat", "old"])
    assert told(it, ours) == []
    assert told(config(ROOM), ours) == []


def test_a_class_that_is_taken_over_is_stored_as_it_was() -> None:
    it = config(ExportedClass("Room", "expecting-transfer", transfer_from="old"))
    theirs = at(record("old-Room", "Room", worker="old", storage="kv"), workers=["old"])
    problem = refusal(it, theirs)
    assert problem.message == 'The class "Room" was created with "legacy-kv", which is for good.'


def test_two_new_classes_never_have_one_key() -> None:
    before = at(record("chat-A", "A", state="deleted"))
    made = plan_exports(config(ExportedClass("A"), ExportedClass("A-2")), before)
    assert [namespace.unique_key for namespace in made.namespaces.values()] == [
        "chat-A-2",
        "chat-A-2-2",
    ]


def test_a_tag_is_given_once() -> None:
    before = at(tags=["exports:2"])
    assert [step.tag for step in plan_exports(config(ROOM), before).steps] == ["exports:3"]


def test_a_class_that_is_not_there_cannot_be_taken_over() -> None:
    it = config(ExportedClass("Room", "expecting-transfer", transfer_from="old", line=3))
    assert "knows no Worker" in refusal(it, Recorded()).message
    assert "it has Hall" in refusal(
        it, at(record("old-Hall", "Hall", worker="old"), workers=["old", "chat"])
    ).message  # fmt: skip


def test_a_directory_of_another_worker_is_not_entered() -> None:
    problem = refusal(config(ROOM), at(record("old-Room", "Room", worker="old"), workers=["old"]))
    assert problem.message == (
        'The data directory is that of the Worker "old"; this one is "chat".'
    )


def test_objects_that_are_handed_over_stay_until_they_are_taken() -> None:
    given = config(ExportedClass("Room", "transferred", transferred_to="new"))
    assert told(given, at(record("chat-Room", "Room"))) == []
    assert told(given, at(record("chat-Room", "Room", worker="new"))) == []


def test_a_class_that_was_taken_over_does_not_begin_anew_by_mistake() -> None:
    taken = at(record("chat-Room", "Hall", worker="new"), workers=["chat", "new"])
    problem = refusal(config(ROOM), taken)
    assert problem.message == 'The objects of "Room" were taken over by "new".'
    assert 'transferred_to = "new"' in problem.hint
    moved = refusal(config(MOVED, ExportedClass("Hall")), taken)
    assert moved.message == 'The objects of "Hall" were taken over by "new".'


def test_a_later_class_of_the_name_that_was_taken_over_counts_too() -> None:
    before = record("chat-Room", "Room", state="deleted")
    taken = record("chat-Room-2", "Hall", worker="new")
    assert 'taken over by "new"' in refusal(config(ROOM), at(before, taken)).message
    other = record("chat-Room-two", "Hall", worker="new")
    assert told(config(ROOM), at(before, other)) == ["create Room (SQLite)"]


async def test_a_real_directory_goes_from_migrations_through_exports(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.migrate(MigrationStep("v1", new_sqlite_classes=("Room", "Old")))
        kept, lost = it.put_object("chat-Room"), it.put_object("chat-Old")
        wanted = config(MOVED, ExportedClass("Hall"), ExportedClass("Old", "deleted"))
        made = plan_exports(wanted, await read_recorded(it.catalog, "chat"))
        assert made.is_destructive
        await apply(made, it.catalog, it.directory, it.alarms, it.marks, NOW_MS)
        assert await it.catalog.applied_tags("chat") == ["v1", "exports:1"]
        assert await it.states() == {"chat-Room": "live", "chat-Old": "deleted"}
        assert (kept.exists(), lost.exists()) == (True, False)
        layout = it.directory.layout
    again = await plan_for(wanted, layout)
    assert again.steps == ()
    assert again.namespaces == {"Hall": Namespace("chat-Room", "Hall", "sqlite")}
