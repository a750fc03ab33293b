"""Mutants of what is done about full disks, damaged files, slow turns and unconfirmed writes."""

from tests.mutants.mutation import (
    Mutant,
    assigns,
    branch_on,
    call_of,
    calls,
    expression,
    never,
    nothing,
    to,
)

_CHECKPOINTER = "tests/storage/test_checkpointer.py::"
_COMMIT = "tests/actors/test_commit.py::"
_CONNECTION = "tests/storage/test_connection.py::"
_DRAIN = "tests/runtime/test_server_drain.py::"
_LEAVES = "tests/durability/test_what_leaves.py::"
_LOG = "tests/storage/test_log.py::"
_MARKS = "tests/storage/test_marks.py::"
_REGISTRY = "tests/runtime/host/test_registry.py::"
_SECTIONS = "tests/actors/test_state_sections.py::"
_SEGMENTS = "tests/storage/test_segments.py::"
_SERVER = "tests/durability/test_server_policies.py::"
_SLOW = "tests/actors/test_slow_turns.py::"
_STORE = "tests/storage/test_store.py::"
_SPACE = "tests/storage/test_free_space.py::"

POLICIES = (
    Mutant(
        "a write that need not be confirmed holds output",
        "actors/commit.py",
        "Committer._depends_on",
        expression(
            "database.transaction.state and database.has_writes and not database.is_unconfirmed"
        ),
        to("database.transaction.state and database.has_writes"),
        (
            _COMMIT + "test_nothing_waits_for_writes_that_need_not_be_confirmed",
            _LEAVES
            + "test_what_need_not_be_confirmed_holds_neither_its_reply_nor_one_that_read_it",
        ),
    ),
    Mutant(
        "a commit of what need not be confirmed holds output",
        "actors/commit.py",
        "Committer._count",
        expression("not is_unconfirmed"),
        to("True"),
        (_LEAVES + "test_what_need_not_be_confirmed_holds_neither_its_reply_nor_one_that_read_it",),
    ),
    Mutant(
        "one write that need not be confirmed frees all of its turn",
        "storage/engine.py",
        "ActorDatabase.write",
        assigns("is_unconfirmed"),
        nothing,
        (
            _COMMIT + "test_a_write_that_is_confirmed_holds_output_with_all_that_was_written",
            _LEAVES + "test_a_turn_that_wrote_both_ways_waits",
        ),
    ),
    Mutant(
        "an actor with unconfirmed writes may leave memory before they are committed",
        "actors/commit.py",
        "Committer.is_dirty",
        expression(
            "self._depends_on() != 0 or self._made > self._durable or self._database.has_writes"
        ),
        to("self._depends_on() != 0"),
        (
            _COMMIT + "test_nothing_waits_for_writes_that_need_not_be_confirmed",
            _LEAVES + "test_sync_waits_for_what_need_not_be_confirmed",
        ),
    ),
    Mutant(
        "a new actor is begun however little room there is",
        "storage/journal.py",
        "Journal.create",
        branch_on("_space"),
        never,
        (_SPACE + "test_an_actor_without_a_file_gets_none_and_the_others_write_on",),
    ),
    Mutant(
        "that room has become little is told at every file",
        "storage/free_space.py",
        "FreeSpace._tell",
        expression("space.is_low and not self._was_low"),
        to("space.is_low"),
        (_SPACE + "test_crossing_is_told_once_and_so_is_the_way_back",),
    ),
    Mutant(
        "the log keeps no room",
        "storage/log.py",
        "CommitLog._run",
        calls("_keep_room"),
        nothing,
        (_LOG + "test_a_log_in_use_has_a_spare_file_before_it_needs_it",),
    ),
    Mutant(
        "the name of a spare file is not made durable",
        "storage/segments.py",
        "make_spare",
        calls("sync_directory"),
        nothing,
        (_SEGMENTS + "test_a_spare_file_is_made_durable_and_a_segment_can_be_begun_in_it",),
    ),
    Mutant(
        "the log takes what a small disk has for the actors",
        "storage/segments.py",
        "_reserve",
        expression("found.f_bavail * found.f_frsize < PLENTY * size"),
        to("False"),
        (_SEGMENTS + "test_no_room_is_kept_on_a_disk_without_plenty",),
    ),
    Mutant(
        "zeros for which there is no room end the log",
        "storage/segments.py",
        "SegmentFile._grow",
        expression("error.errno not in _FULL"),
        to("True"),
        (_SEGMENTS + "test_zeros_for_which_there_is_no_room_are_done_without",),
    ),
    Mutant(
        "a segment that no record came into leaves a gap in the log",
        "storage/log.py",
        "CommitLog._roll",
        branch_on("position"),
        never,
        (_LOG + "test_the_first_record_may_be_larger_than_a_segment",),
    ),
    Mutant(
        "a record too long for its length is written",
        "storage/log.py",
        "CommitLog.append",
        branch_on("RECORD_SIZE_MAX"),
        never,
        (_LOG + "test_what_no_record_can_hold_is_refused_and_the_log_goes_on",),
    ),
    Mutant(
        "an actor whose file is damaged is started again",
        "actors/actor.py",
        "Actor.break_",
        branch_on("is_damage"),
        never,
        (
            _REGISTRY + "test_an_actor_whose_file_is_damaged_is_served_no_more_and_others_are",
            _SERVER + "test_a_damaged_actor_is_in_quarantine_and_the_house_is_not",
        ),
    ),
    Mutant(
        "an actor whose file is gone is no reason for a mark",
        "storage/recovery.py",
        "_tell_of",
        calls("damaged"),
        nothing,
        (_STORE + "test_a_file_that_lacks_what_the_log_builds_on_is_damage_of_one_actor",),
    ),
    Mutant(
        "a directory without its files is taken for damage of single actors",
        "storage/recovery.py",
        "_tell_of",
        branch_on("damaged"),
        never,
        (_STORE + "test_a_directory_without_most_of_its_files_is_refused",),
    ),
    Mutant(
        "a quarantine is forgotten with the process",
        "storage/marks.py",
        "Marks.set",
        calls("write_file"),
        nothing,
        (
            _MARKS + "test_a_mark_is_found_by_those_who_come_later",
            _REGISTRY + "test_a_quarantine_outlives_the_process_and_ends_when_it_is_cleared",
        ),
    ),
    Mutant(
        "a mark that was taken away comes back after a crash",
        "storage/marks.py",
        "Marks.clear",
        calls("sync_directory"),
        nothing,
        (_MARKS + "test_setting_and_clearing_is_on_the_disk_on_return",),
    ),
    Mutant(
        "a damaged file keeps the log for ever",
        "storage/checkpointer.py",
        "Checkpointer.tidy_up",
        expression("not error.is_damage"),
        to("True"),
        (_CHECKPOINTER + "test_an_actor_whose_file_is_damaged_does_not_keep_the_log",),
    ),
    Mutant(
        "SQLite puts what is not durable into a file that it refuses",
        "storage/connection.py",
        "_set_up",
        expression("apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE"),
        to("apsw.SQLITE_DBCONFIG_DEFENSIVE"),
        (_CONNECTION + "test_a_file_of_a_log_that_is_refused_keeps_its_wal",),
    ),
    Mutant(
        "a slow turn is not told of",
        "actors/execution.py",
        "Execution._take",
        call_of("ended"),
        to("None"),
        (_SLOW + "test_a_slow_turn_is_told_with_who_and_what_and_how_long",),
    ),
    Mutant(
        "a caller is blamed for the time of what it called",
        "actors/slow_turns.py",
        "SlowTurns.ended",
        expression("took_s - (self.told_s - told_before_s)"),
        to("took_s"),
        (_SLOW + "test_a_caller_is_not_blamed_for_what_it_called",),
    ),
    Mutant(
        "an actor may wait for itself",
        "actors/sections.py",
        "SelfCall.__await__",
        branch_on("is_held"),
        never,
        (_SECTIONS + "test_awaiting_a_call_to_itself_inside_its_own_section_is_refused",),
    ),
    Mutant(
        "a server that stops cuts handlers of sockets off",
        "runtime/host/actor_host.py",
        "ActorHost.is_busy",
        expression("actor.replies_due or actor.is_at_work or actor.committer.is_dirty()"),
        to("actor.replies_due or actor.committer.is_dirty()"),
        (
            _DRAIN + "test_a_handler_of_a_socket_is_finished_before_the_socket_is_closed",
            _DRAIN + "test_work_given_to_wait_until_is_finished",
        ),
    ),
)
