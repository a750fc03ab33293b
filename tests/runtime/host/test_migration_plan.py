"""What a configuration would do to a data directory, and when it does not fit."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import (
    DurableObjectBinding,
    MigrationStep,
    RenamedClass,
    TransferredClass,
    WorkerConfig,
)
from perdure.runtime.host.migration_plan import (
    Deleted,
    MigrationRefused,
    Namespace,
    Recorded,
    plan,
)
from perdure.storage.catalog import NamespaceRecord, NamespaceState, Storage
from perdure.storage.errors import UsageError

FILE = Path("wrangler.toml")
V1 = MigrationStep("v1", new_sqlite_classes=("Room",), line=5)


def config(
    *steps: MigrationStep, name: str = "chat", bound: Sequence[str] = (), env: str | None = None
) -> WorkerConfig:
    bindings = [DurableObjectBinding(c.upper(), c, line=20 + i) for i, c in enumerate(bound)]
    return WorkerConfig(
        name, Path("main.py"), FILE, Path(), migrations=steps, bindings=bindings, env_name=env
    )


def record(
    key: str,
    class_name: str,
    worker: str = "chat",
    storage: Storage = "sqlite",
    state: NamespaceState = "live",
) -> NamespaceRecord:
    return NamespaceRecord(key, worker, class_name, storage, state, 0)


def recorded(*tags: str, of: Sequence[NamespaceRecord], workers: Sequence[str] = ()) -> Recorded:
    return Recorded(workers or ["chat"], tags, of)


AT_V1 = recorded("v1", of=[record("chat-Room", "Room")])


def refusal(it: WorkerConfig, at: Recorded) -> Problem:
    with pytest.raises(MigrationRefused) as raised:
        plan(it, at)
    assert isinstance(raised.value, UsageError)
    (problem,) = raised.value.problems
    assert problem.file == FILE
    assert str(raised.value) == str(problem)
    return problem


def told(it: WorkerConfig, at: Recorded) -> list[tuple[str, list[str]]]:
    return [(step.tag, [str(change) for change in step.changes]) for step in plan(it, at).steps]


def test_a_new_directory_gets_all_steps() -> None:
    v2 = MigrationStep(
        "v2", new_classes=("Draft",), renamed_classes=(RenamedClass("Room", "Hall"),)
    )
    made = plan(config(V1, v2), Recorded())
    assert told(config(V1, v2), Recorded()) == [
        ("v1", ["create Room (SQLite)"]),
        ("v2", ["rename Room to Hall", "create Draft (key-value)"]),
    ]
    assert made.worker == "chat"
    assert made.namespaces == {
        "Hall": Namespace("chat-Room", "Hall", "sqlite"),
        "Draft": Namespace("chat-Draft", "Draft", "kv"),
    }
    assert not made.is_destructive


def test_nothing_is_due_when_all_was_applied() -> None:
    made = plan(config(V1, bound=["Room"]), AT_V1)
    assert made.steps == ()
    assert made.namespaces == {"Room": Namespace("chat-Room", "Room", "sqlite")}


def test_the_lists_of_a_step_take_effect_in_wranglers_order() -> None:
    v2 = MigrationStep(
        "v2",
        deleted_classes=("Old",),
        renamed_classes=(RenamedClass("Room", "Old"),),
        new_classes=("Room",),
        new_sqlite_classes=("Hall",),
        transferred_classes=(TransferredClass("Archive", "store", "Shelf"),),
    )
    v1 = MigrationStep("v1", new_sqlite_classes=("Room", "Old"))
    at = recorded(
        "v1",
        of=[
            record("chat-Room", "Room"),
            record("chat-Old", "Old"),
            record("store-Archive", "Archive", "store", "kv"),
        ],
        workers=["chat", "store"],
    )
    made = plan(config(v1, v2), at)
    assert told(config(v1, v2), at) == [
        (
            "v2",
            [
                "delete Old and all its objects",
                "rename Room to Old",
                "create Room (key-value)",
                "create Hall (SQLite)",
                "take over Archive of store as Shelf",
            ],
        )
    ]
    assert made.namespaces == {
        "Old": Namespace("chat-Room", "Old", "sqlite"),
        "Room": Namespace("chat-Room-2", "Room", "kv"),
        "Hall": Namespace("chat-Hall", "Hall", "sqlite"),
        "Shelf": Namespace("store-Archive", "Shelf", "kv"),
    }
    assert made.is_destructive
    assert made.destroyed == (Deleted(Namespace("chat-Old", "Old", "sqlite")),)
    assert made.destroyed[0].class_name == "Old"


def test_a_key_is_never_given_out_again() -> None:
    v2 = MigrationStep("v2", new_sqlite_classes=("Room",))
    at = recorded(
        "v0",
        "v1",
        of=[
            record("chat-Room", "Room", state="deleted"),
            record("chat-Room-2", "Room", state="deleting"),
        ],
    )
    v0 = MigrationStep("v0", new_classes=("Room",))
    v1 = MigrationStep("v1", deleted_classes=("Room",))
    made = plan(config(v0, v1, v2), at)
    assert made.namespaces["Room"].unique_key == "chat-Room-3"
    assert made.unfinished == ("chat-Room-2",)
    assert not made.is_destructive


def test_a_class_that_never_had_objects_is_deleted_without_asking() -> None:
    v2 = MigrationStep("v2", deleted_classes=("Room",))
    assert not plan(config(V1, v2), Recorded()).is_destructive
    assert plan(config(V1, v2), AT_V1).is_destructive


def test_another_worker_name_is_refused_with_both_ways_out() -> None:
    problem = refusal(config(V1, name="talk"), AT_V1)
    assert problem.message == (
        'The data directory is that of the Worker "chat"; this one is "talk".'
    )
    assert problem.hint == (
        'Put the old name back: name = "chat"; or use another data directory: --data DIR'
    )
    assert problem.key_path == "name"


def test_another_environment_is_another_worker() -> None:
    problem = refusal(config(V1, name="chat-prod", env="prod"), AT_V1)
    assert problem.hint == "Leave out -e prod; or use another data directory: --data DIR"


def test_a_directory_of_another_worker_is_entered_to_take_over_from_it() -> None:
    take = MigrationStep("v1", transferred_classes=(TransferredClass("Room", "chat", "Room"),))
    made = plan(config(take, name="talk", bound=["Room"]), Recorded(["chat"], (), AT_V1.namespaces))
    assert made.namespaces["Room"].unique_key == "chat-Room"


def test_a_shorter_history_is_refused() -> None:
    v2 = MigrationStep("v2", new_classes=("Hall",))
    at = recorded(
        "v1", "v2", of=[record("chat-Room", "Room"), record("chat-Hall", "Hall", storage="kv")]
    )
    problem = refusal(config(V1), at)
    assert problem.message == (
        'The migration "v2" was applied to the data directory, which is at "v2", but the '
        "configuration ends where it stood."
    )
    assert problem.hint == (
        'Put back what was applied ("v2"), in the same order, and new steps after it. There is '
        "no way back to an older tag; to start anew, use another data directory: --data DIR"
    )
    assert plan(config(V1, v2), at).steps == ()


def test_no_history_at_all_is_refused() -> None:
    problem = refusal(config(), AT_V1)
    assert 'The migration "v1" was applied' in problem.message
    assert problem.key_path == "migrations"


def test_another_history_is_refused_where_it_departs() -> None:
    at = recorded("v1", "v2", of=[record("chat-Room", "Room")])
    other = MigrationStep("w2", line=9)
    problem = refusal(config(V1, other), at)
    assert 'but the configuration has "w2" where it stood.' in problem.message
    assert (problem.key_path, problem.line) == ("migrations[1]", 9)


def test_a_reordered_history_is_refused() -> None:
    at = recorded("v1", "v2", of=[record("chat-Room", "Room")])
    problem = refusal(config(MigrationStep("v2"), V1), at)
    assert problem.hint.startswith("Put back what was applied, in the same order")


def test_objects_of_a_class_that_no_migration_names_are_refused() -> None:
    at = recorded("v1", of=[record("chat-Room", "Room"), record("chat-Old", "Old", storage="kv")])
    problem = refusal(config(V1), at)
    assert problem.message == (
        'The data directory has objects of the class "Old", which no migration names.'
    )
    assert problem.hint == (
        'Put "Old" back into new_classes of the migration that created it. To be rid of its '
        'objects, do that and add:\n[[migrations]]\ntag = "v2"\ndeleted_classes = ["Old"]'
    )


def test_a_class_added_to_an_applied_step_is_refused() -> None:
    v1 = MigrationStep("v1", new_sqlite_classes=("Room", "Hall"))
    problem = refusal(config(v1), AT_V1)
    assert problem.message == 'The class "Hall" was added to a migration after that was applied.'
    assert problem.hint == (
        'Take it out there, and add:\n[[migrations]]\ntag = "v2"\nnew_sqlite_classes = ["Hall"]'
    )


def test_another_kind_of_storage_is_refused() -> None:
    problem = refusal(config(MigrationStep("v1", new_classes=("Room",))), AT_V1)
    assert problem.message == (
        'The class "Room" was created by new_sqlite_classes, which is for good.'
    )
    assert problem.hint == 'Put "Room" back into new_sqlite_classes.'


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    at = recorded("v1", of=[record("chat-Room", "Room"), record("chat-Old", "Old")])
    v1 = MigrationStep("v1", new_classes=("Room",), new_sqlite_classes=("Hall",))
    with pytest.raises(MigrationRefused) as raised:
        plan(config(v1), at)
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("script", "name", "why", "hint"),
    [
        (
            "store",
            "Shelf",
            "it has Room.",
            "Write the name the class has there.",
        ),
        (
            "empty",
            "Room",
            "it has no classes.",
            "Write the name the class has there.",
        ),
        (
            "nobody",
            "Room",
            "the data directory knows no Worker of this name.",
            "Start with the data directory that nobody used: --data DIR",
        ),
    ],
)
def test_a_transfer_from_nowhere_is_refused(script: str, name: str, why: str, hint: str) -> None:
    at = Recorded(["chat", "empty", "store"], (), [record("store-Room", "Room", "store")])
    take = MigrationStep(
        "v1", transferred_classes=(TransferredClass(name, script, "Mine"),), line=7
    )
    problem = refusal(config(take), at)
    assert problem.message == f'The class "{name}" of "{script}" cannot be taken over: {why}'
    assert problem.hint == hint
    assert (problem.key_path, problem.line) == ("migrations[0].transferred_classes[0]", 7)


TAKEN = recorded("v1", of=[record("chat-Room", "Theirs", "talk")], workers=["chat", "talk"])


def test_a_class_taken_over_by_another_worker_is_missed_only_by_bindings() -> None:
    assert plan(config(V1), TAKEN).namespaces == {}
    problem = refusal(config(V1, bound=["Room"]), TAKEN)
    assert problem.message == 'The objects of "Room" were taken over by "talk".'
    assert problem.hint == 'Remove the binding "ROOM".'
    assert (problem.key_path, problem.line) == ("durable_objects.bindings[0].class_name", 20)


def test_what_later_steps_say_of_a_class_taken_over_means_nothing() -> None:
    rename = MigrationStep("v2", renamed_classes=(RenamedClass("Room", "Hall"),))
    delete = MigrationStep("v3", deleted_classes=("Hall",))
    assert told(config(V1, rename, delete), TAKEN) == [("v2", []), ("v3", [])]
    problem = refusal(config(V1, rename, bound=["Hall"]), TAKEN)
    assert problem.message == 'The objects of "Hall" were taken over by "talk".'


def test_a_class_taken_over_and_deleted_there_is_still_not_a_late_one() -> None:
    gone = record("chat-Room", "Theirs", "talk", state="deleted")
    at = recorded("v1", of=[gone], workers=["chat", "talk"])
    assert plan(config(V1), at).namespaces == {}


def test_a_class_taken_over_twice_is_missed_only_by_bindings() -> None:
    take = MigrationStep("v1", transferred_classes=(TransferredClass("Room", "store", "Room"),))
    at = recorded("v1", of=[record("store-Room", "Room", "third")], workers=["chat", "third"])
    assert plan(config(take), at).namespaces == {}
    problem = refusal(config(take, bound=["Room"]), at)
    assert problem.message == 'The objects of "Room" are not here.'
    assert 'remove the binding "ROOM"' in problem.hint
