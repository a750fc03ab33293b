"""Mutants of several logs in one directory: alarms that are lost, owners that are two."""

from tests.mutants.mutation import Mutant, branch_on, calls, expression, never, nothing, to

_ALARMS = "tests/storage/test_alarm_distribution.py::"
_ALONE = "tests/storage/archive/test_alone.py::"
_HOLD = "tests/storage/test_log_hold.py::"
_OPENING = "tests/storage/test_opening.py::"
_OWNERSHIP = "tests/storage/test_log_ownership.py::"
_SEVERAL = "tests/storage/archive/test_archive_of_several_logs.py::"
_TAKEN = "tests/storage/test_store_taken_over.py::"

SLOTS = (
    Mutant(
        "nobody looks whose the log is before something is acknowledged",
        "storage/log_ownership.py",
        "LogOwnership.check",
        branch_on("_token"),
        never,
        (
            _OWNERSHIP + "test_the_younger_has_it",
            _TAKEN + "test_the_older_is_told_before_anything_is_acknowledged",
            _TAKEN + "test_who_seals_a_log_takes_it",
        ),
    ),
    Mutant(
        "who opens a log does not say so",
        "storage/log_directory.py",
        "LogDirectory.open",
        expression("LogOwnership.take(path)"),
        to("None"),
        (_TAKEN + "test_the_older_is_told_before_anything_is_acknowledged",),
    ),
    Mutant(
        "who has lost a log brings files up to date",
        "storage/checkpointer.py",
        "Checkpointer.begin",
        expression("self._is_own()"),
        to("True"),
        (_TAKEN + "test_an_older_one_does_not_shorten_the_log",),
    ),
    Mutant(
        "who has lost a log replaces its CHECKPOINT",
        "storage/log_directory.py",
        "LogDirectory.write_checkpoint",
        calls("check_there"),
        nothing,
        (_TAKEN + "test_a_checkpoint_on_its_way_is_not_written_by_an_older_one",),
    ),
    Mutant(
        "the file that a dead writer wrote last into is used again at once",
        "storage/recovery.py",
        "_start",
        expression("is_clean or not found.segments"),
        to("True"),
        (_TAKEN + "test_what_the_dead_wrote_last_into_is_not_used_again_by_the_next",),
    ),
    Mutant(
        "of an actor in two files of alarms the later time counts",
        "storage/alarm_distribution.py",
        "_first",
        expression("min(one[0], other[0])"),
        to("max(one[0], other[0])"),
        (_ALARMS + "test_of_an_actor_in_two_files_the_earlier_time_counts",),
    ),
    Mutant(
        "alarms stay where nobody reads them",
        "storage/opening.py",
        "recover_all",
        calls("distribute_alarms"),
        nothing,
        (_OPENING + "test_slots_come_and_go_between_starts",),
    ),
    Mutant(
        "logs are recovered whose writers live",
        "storage/opening.py",
        "_lock",
        expression("[path for path in there if path not in paths]"),
        to("[]"),
        (_OPENING + "test_who_lives_still_is_not_recovered",),
    ),
    Mutant(
        "a log does not know the numbers of the others' commits",
        "storage/recovery.py",
        "_recover",
        expression("max((found.commit for found in scans), default=0)"),
        to("0"),
        (_OPENING + "test_a_new_log_knows_the_numbers_of_all_others",),
    ),
    Mutant(
        "logs that nobody goes on with are looked through at each start",
        "storage/recovery.py",
        "_recover",
        expression("place >= used"),
        to("False"),
        (_OPENING + "test_logs_are_left_as_if_closed_in_good_order",),
    ),
    Mutant(
        "who waits for another process's archive waits for ever",
        "storage/archive/alone.py",
        "alone",
        calls("wait"),
        nothing,
        (_ALONE + "test_who_waits_for_another_process_may_give_up_or_outlive_it",),
    ),
    Mutant(
        "what slots that do not serve have archived stays",
        "storage/archive/archive.py",
        "Archive._oldest_file",
        expression("self._index.files()"),
        to("self._own_files()"),
        (
            _SEVERAL + "test_what_a_slot_that_serves_no_more_has_archived_goes_in_its_time",
            _SEVERAL + "test_when_there_is_too_much_the_oldest_goes_whosever_it_is",
        ),
    ),
    Mutant(
        "segments are used again while a backup reads them",
        "storage/log_hold.py",
        "hold_logs",
        calls("flock"),
        nothing,
        (
            _HOLD + "test_all_logs_are_held_by_as_many_as_want_to",
            _HOLD + "test_a_log_that_another_process_holds_keeps_its_segments",
        ),
    ),
)
