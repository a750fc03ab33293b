"""Mutants of the alarms: an index that says, or saves, another time than the actors' rows."""

from tests.mutants.mutation import (
    Mutant,
    block,
    calls,
    expression,
    nothing,
    preceded_by,
    statements,
    swapped,
    to,
)

_COMMIT = "tests/actors/test_commit.py::"
_INDEX = "tests/storage/test_alarm_index.py::"
_STORE = "tests/storage/test_store_alarms.py::"
_AGAIN = "tests/runtime/host/test_alarms_again.py::"

ALARMS = (
    Mutant(
        "the index of alarms hears of a commit before it is made",
        "actors/commit.py",
        "Committer.commit",
        calls("commit"),
        preceded_by("self._alarms.committed(self._actor_id, time_ms, 0)"),
        ("tests/actors/test_commit.py::test_the_alarm_index_does_not_hear_of_a_commit_that_fails",),
    ),
    Mutant(
        "alarms are saved that are not durable yet",
        "storage/alarm_index.py",
        "AlarmIndex.saving",
        expression("pending and pending[0][0] <= lsn"),
        to("pending"),
        (
            _INDEX + "test_what_is_not_durable_is_not_saved",
            _STORE + "test_what_is_not_durable_when_a_checkpoint_begins_is_not_saved_by_it",
        ),
    ),
    Mutant(
        "alarms that could not be saved are forgotten",
        "storage/alarm_index.py",
        "AlarmIndex._save",
        calls("popleft"),
        statements("self._batches.clear()"),
        (_INDEX + "test_what_could_not_be_saved_is_saved_the_next_time",),
    ),
    Mutant(
        "what an answer says of the alarm counts although a commit has changed it since",
        "storage/alarm_index.py",
        "AlarmIndex._set",
        calls("pop"),
        nothing,
        (_INDEX + "test_an_answer_corrects_what_was_taken_and_not_changed_since",),
    ),
    Mutant(
        "an answer takes an alarm away that was set while the handler ran, and is due",
        "runtime/host/alarms.py",
        "AlarmScheduler._settle",
        expression("not attempt.is_outdated"),
        to("True"),
        (_AGAIN + "test_an_alarm_set_again_for_the_same_time_while_it_runs_fires_again",),
    ),
    Mutant(
        "the alarms are not saved at a checkpoint",
        "storage/checkpointer.py",
        "Checkpointer._sync",
        calls("save_alarms"),
        nothing,
        (_STORE + "test_a_checkpoint_saves_what_it_takes_from_the_log",),
    ),
    Mutant(
        "the alarms are saved after CHECKPOINT says that the log is not needed",
        "storage/checkpointer.py",
        "Checkpointer._sync",
        block(calls("save_alarms"), calls("write_checkpoint")),
        swapped(calls("save_alarms"), calls("write_checkpoint")),
        (_STORE + "test_what_is_saved_is_on_the_disk_before_the_checkpoint_says_so",),
    ),
    Mutant(
        "the alarms are not saved when the directory is closed",
        "storage/store.py",
        "Store._close_in_good_order",
        calls("_save_alarms"),
        nothing,
        (
            _STORE + "test_a_clean_close_saves_all",
            _STORE + "test_a_close_that_cannot_save_the_alarms_leaves_it_to_a_recovery",
        ),
    ),
    Mutant(
        "the alarms that a recovery found are not saved",
        "storage/alarm_index.py",
        "AlarmIndex.apply",
        calls("write"),
        nothing,
        (
            _INDEX + "test_what_the_log_knows_is_saved_at_once",
            _STORE + "test_a_recovery_that_cannot_save_the_alarms_is_no_recovery",
        ),
    ),
)
