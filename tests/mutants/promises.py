"""Mutants of the storage engine: for each thing it promises, one that does not keep it."""

import ast
import copy

from tests.mutants.mutation import (
    Change,
    Mutant,
    always,
    assigns,
    block,
    branch_on,
    call_of,
    called,
    calls,
    expression,
    names,
    never,
    nothing,
    preceded_by,
    swapped,
    to,
)

_LOG = "tests/storage/test_log.py::"
_LOG_TOO = "tests/storage/test_log_promises.py::"
_SCAN = "tests/storage/test_log_scan.py::"
_STORE = "tests/storage/test_store.py::"
_RECOVERY = "tests/storage/test_recovery.py::"
_CHECKPOINTER = "tests/storage/test_checkpointer.py::"
_CHECKPOINTER_TOO = "tests/storage/test_checkpointer_promises.py::"
_COMMIT = "tests/actors/test_commit.py::"
_LEAVES = "tests/durability/test_what_leaves.py::"


def _one_record_for_each_page(node: ast.AST) -> ast.AST:
    """Append as many records as pages were changed, where one with all of them belongs."""
    assert isinstance(node, ast.stmt), "calls() finds statements"
    single = copy.deepcopy(node)
    for each in ast.walk(single):
        if isinstance(each, ast.Call) and called(each) == "Change":
            for keyword in each.keywords:
                if keyword.arg == "image_count":
                    keyword.value = ast.Constant(1)
                elif keyword.arg == "images":
                    keyword.value = ast.Name("one_image", ast.Load())
    (loop,) = ast.parse("for one_image in encoded: pass").body
    assert isinstance(loop, ast.For), "just written"
    loop.body = [single]
    return loop


_EARLY: Change = swapped(calls("sync"), assigns("_synced_lsn"), between="self._tell()")

_THE_LOG = (
    Mutant(
        "the log is not synced",
        "storage/log.py",
        "CommitLog",
        calls("sync"),
        nothing,
        (_LOG_TOO + "test_each_batch_is_synced_before_it_is_told",),
    ),
    Mutant(
        "a batch is told to be durable before its sync",
        "storage/log.py",
        "CommitLog",
        block(calls("sync"), assigns("_synced_lsn")),
        _EARLY,
        (_LOG_TOO + "test_each_batch_is_synced_before_it_is_told",),
    ),
    Mutant(
        "who waits for a later record is told with an earlier one",
        "storage/log.py",
        "CommitLog._publish",
        expression("waiting[0][0] <= self.durable_lsn"),
        to("True"),
        (_LEAVES + "test_a_reply_waits_for_its_own_commit_and_for_no_later_one",),
    ),
    Mutant(
        "the log is written again after a sync of it has failed",
        "storage/log.py",
        "CommitLog._run",
        lambda node: (
            branch_on("_error")(node) and any(calls("_write")(each) for each in ast.walk(node))
        ),
        always,
        (_LOG_TOO + "test_what_came_in_before_an_error_is_never_written_after_it",),
    ),
    Mutant(
        "a log that has failed takes records",
        "storage/log.py",
        "CommitLog.append",
        branch_on("failure"),
        nothing,
        (
            _LOG + "test_an_error_of_the_disk_is_final",
            _STORE + "test_when_the_log_fails_all_databases_do",
        ),
    ),
    Mutant(
        "nobody is told that the log has failed",
        "storage/log.py",
        "CommitLog._publish",
        calls("_on_failure"),
        nothing,
        (_LEAVES + "test_when_the_log_fails_nothing_is_acknowledged_ever_again",),
    ),
    Mutant(
        "all segments have the same salt",
        "storage/log.py",
        "CommitLog._roll",
        call_of("urandom"),
        to("bytes(4)"),
        (_LOG_TOO + "test_a_record_that_was_lost_does_not_come_back_behind_its_successor",),
    ),
    Mutant(
        "a record does not say what was durable when it was written",
        "storage/log.py",
        "CommitLog.append",
        lambda node: isinstance(node, ast.keyword) and node.arg == "durable_lsn",
        lambda _: ast.keyword("durable_lsn", ast.Constant(0)),
        (_STORE + "test_a_directory_that_cannot_be_recovered_is_left_alone",),
    ),
    Mutant(
        "a record says that more was durable than was",
        "storage/log.py",
        "CommitLog.append",
        lambda node: isinstance(node, ast.keyword) and node.arg == "durable_lsn",
        lambda _: ast.keyword("durable_lsn", ast.parse("lsn - 1", mode="eval").body),
        (_LOG_TOO + "test_records_say_no_more_than_what_was_durable",),
    ),
    Mutant(
        "records are written under a header that is not durable",
        "storage/segments.py",
        "SegmentFile.begin",
        calls("sync"),
        nothing,
        ("tests/storage/test_segments.py::test_a_header_that_cannot_be_synced_begins_nothing",),
    ),
    Mutant(
        "the name of a new segment is not durable",
        "storage/segments.py",
        "SegmentFile.begin",
        calls("sync_directory"),
        nothing,
        (_LOG_TOO + "test_the_name_of_a_new_segment_is_synced_before_its_first_record",),
    ),
    Mutant(
        "two processes write one log",
        "storage/log_directory.py",
        "LogDirectory.open",
        calls("flock"),
        nothing,
        ("tests/storage/test_log_directory.py::test_one_owner_at_a_time",),
    ),
    Mutant(
        "two servers use one directory",
        "storage/directory.py",
        "_lock",
        calls("flock"),
        nothing,
        ("tests/storage/test_directory.py::test_it_is_open_once",),
    ),
    Mutant(
        "a file is given its name before its content is durable",
        "storage/durable_files.py",
        "write_file",
        calls("fsync"),
        nothing,
        ("tests/storage/test_durable_files.py::test_a_file_is_synced_before_its_name",),
    ),
)

_COMMITS = (
    Mutant(
        "a turn is more than one record",
        "storage/journal.py",
        "Journal.committed",
        calls("Change"),
        _one_record_for_each_page,
        ("tests/storage/test_journal.py::test_a_commit_is_one_record_with_all_it_changed",),
    ),
    Mutant(
        "pages go into the file before they are durable in the log",
        "storage/journal.py",
        "Journal.checkpoint",
        expression("self._frames and self.is_synced"),
        to("self._frames"),
        (_STORE + "test_files_receive_only_what_is_durable",),
    ),
    Mutant(
        "a file is closed while what it has committed is not durable",
        "storage/engine.py",
        "ActorDatabase.park",
        expression("not self.durability.is_synced"),
        to("False"),
        ("tests/storage/test_pool.py::test_a_file_in_the_middle_of_something_stays_open",),
    ),
    Mutant(
        "what the log did not take stays in the -wal",
        "storage/journal.py",
        "Journal",
        calls("truncate"),
        nothing,
        (_STORE + "test_a_commit_that_cannot_be_read_back_leaves_no_trace",),
    ),
    Mutant(
        "a file whose first commit never came counts for an actor's",
        "storage/journal.py",
        "Journal.is_orphan",
        branch_on("NEW_APPLICATION_ID"),
        never,
        (_STORE + "test_a_file_that_the_log_does_not_know_is_begun_anew",),
    ),
    Mutant(
        "a file that lost its content with the power before its first commit counts for an actor's",
        "storage/journal.py",
        "Journal.is_orphan",
        lambda node: isinstance(node, ast.Return) and "made" in names(node),
        lambda _: ast.Return(ast.Constant(value=False)),
        (_STORE + "test_a_file_that_the_log_does_not_know_is_begun_anew",),
    ),
    Mutant(
        "an actor's file that lost its head counts for one that was never begun",
        "storage/journal.py",
        "Journal.is_orphan",
        lambda node: isinstance(node, ast.Return) and "made" in names(node),
        lambda _: ast.Return(ast.parse("not any(head)", mode="eval").body),
        (_STORE + "test_a_file_that_lost_its_head_later_is_damaged",),
    ),
    Mutant(
        "frames of an earlier life of the -wal are taken for committed",
        "storage/wal.py",
        "committed_pages",
        expression("found1 != salt1 or found2 != salt2 or number == 0"),
        to("number == 0"),
        ("tests/storage/test_wal.py::test_a_restarted_file_has_other_salts_and_old_frames_behind",),
    ),
)

_RECOVERIES = (
    Mutant(
        "a gap between two segments is ignored",
        "storage/log_scan.py",
        "_check_first",
        expression("header.first_lsn != so_far.lsn + 1"),
        to("False"),
        (
            _SCAN + "test_damage_in_an_older_segment_is_refused",
            _SCAN + "test_a_torn_end_of_an_older_segment_is_refused_even_if_the_newest_is_empty",
        ),
    ),
    Mutant(
        "a segment that is missing is ignored",
        "storage/log_scan.py",
        "_wanted",
        branch_on("numbers", "expected"),
        never,
        (_SCAN + "test_a_segment_that_is_gone_is_missed",),
    ),
    Mutant(
        "a log that begins too late is read",
        "storage/log_scan.py",
        "_check_first",
        expression("header.first_lsn > checkpoint.lsn + 1"),
        to("False"),
        (_SCAN + "test_a_segment_that_begins_too_late_is_refused",),
    ),
    Mutant(
        "a bad record before one that knew it to be durable is ignored",
        "storage/log_scan.py",
        "_read",
        branch_on("proof"),
        never,
        (
            _SCAN + "test_damage_before_an_acknowledged_record_of_the_newest_segment_is_refused",
            _STORE + "test_a_directory_that_cannot_be_recovered_is_left_alone",
        ),
    ),
    Mutant(
        "a log that ends before its checkpoint is read",
        "storage/log_scan.py",
        "scan",
        branch_on("lsn", "checkpoint"),
        never,
        (_SCAN + "test_a_log_that_ends_before_its_checkpoint_is_refused",),
    ),
    Mutant(
        "the epoch of a record is not looked at",
        "storage/log_scan.py",
        "_read_records",
        expression("record.epoch < epoch"),
        to("False"),
        (_SCAN + "test_a_stale_writer_is_noticed",),
    ),
    Mutant(
        "an epoch goes on behind its seal",
        "storage/log_scan.py",
        "_read_records",
        expression("is_sealed and record.epoch == epoch"),
        to("False"),
        (_SCAN + "test_nothing_follows_a_seal_in_its_epoch",),
    ),
    Mutant(
        "an opening of the log goes on with the epoch of the one before",
        "storage/recovery.py",
        "_start",
        expression("found.epoch + 1"),
        to("found.epoch"),
        (_RECOVERY + "test_an_empty_directory",),
    ),
    Mutant(
        "checksums of records are not looked at",
        "storage/logformat.py",
        "decode_head",
        branch_on("crc"),
        never,
        (_SCAN + "test_damage_in_the_last_record_is_a_torn_end",),
    ),
    Mutant(
        "recovery leaves the -wal files where they are",
        "storage/recovery.py",
        "_recover",
        calls("_empty_wals"),
        nothing,
        (_RECOVERY + "test_wals_do_not_count",),
    ),
    Mutant(
        "recovery writes CHECKPOINT before the files are synced",
        "storage/recovery.py",
        "_recover",
        block(calls("sync_file_system"), calls("write_checkpoint")),
        swapped(calls("sync_file_system"), calls("write_checkpoint")),
        (_RECOVERY + "test_the_files_are_synced_before_the_log_forgets",),
    ),
    Mutant(
        "recovery does not sync the files",
        "storage/recovery.py",
        "_recover",
        calls("sync_file_system"),
        nothing,
        (_RECOVERY + "test_the_files_are_synced_before_the_log_forgets",),
    ),
    Mutant(
        "an actor that moved is set back by the log it left",
        "storage/recovery.py",
        "_histories",
        branch_on("kind", "HANDED_OVER"),
        never,
        (_RECOVERY + "test_an_actor_that_moved_is_not_set_back_by_the_log_it_left",),
    ),
    Mutant(
        "the records of several logs are not put in order",
        "storage/recovery.py",
        "_histories",
        calls("sort"),
        nothing,
        (_RECOVERY + "test_the_records_of_an_actor_are_put_in_order_across_logs",),
    ),
    Mutant(
        "the alarms of the log are not told at recovery",
        "storage/recovery.py",
        "_recover",
        calls("apply_alarms"),
        nothing,
        (
            _RECOVERY + "test_the_last_word_on_each_alarm",
            _STORE + "test_alarms_are_recovered_from_the_log",
        ),
    ),
)

_CHECKPOINTS = (
    Mutant(
        "CHECKPOINT is written before the file system is synced",
        "storage/checkpointer.py",
        "Checkpointer",
        block(calls("sync_file_system"), calls("write_checkpoint")),
        swapped(calls("sync_file_system"), calls("write_checkpoint")),
        (_CHECKPOINTER + "test_after_a_sync_that_failed_the_log_is_kept_for_good",),
    ),
    Mutant(
        "the file system is not synced at a checkpoint",
        "storage/checkpointer.py",
        "Checkpointer",
        calls("sync_file_system"),
        nothing,
        (_CHECKPOINTER + "test_after_a_sync_that_failed_the_log_is_kept_for_good",),
    ),
    Mutant(
        "segments are used again before CHECKPOINT says that they may be",
        "storage/checkpointer.py",
        "Checkpointer._start_sync",
        calls("start"),
        preceded_by("self._log.recycle(self._lsn)"),
        (_CHECKPOINTER_TOO + "test_no_segment_is_used_again_before_checkpoint_says_so",),
    ),
    Mutant(
        "a sync of the file system that failed is tried again",
        "storage/checkpointer.py",
        "Checkpointer._synced",
        assigns("failure"),
        nothing,
        (_CHECKPOINTER + "test_after_a_sync_that_failed_the_log_is_kept_for_good",),
    ),
    Mutant(
        "the log is shortened although a file lacks something of it",
        "storage/checkpointer.py",
        "Checkpointer._is_all_in_files",
        lambda node: isinstance(node, ast.Return),
        lambda _: ast.Return(ast.Constant(value=True)),
        (_CHECKPOINTER_TOO + "test_a_file_that_is_in_the_middle_of_a_turn_keeps_the_log",),
    ),
    Mutant(
        "files that were closed with something on its way are forgotten by a checkpoint",
        "storage/checkpointer.py",
        "Checkpointer._is_all_in_files",
        lambda node: isinstance(node, ast.AugAssign) and "_leftovers" in names(node),
        nothing,
        (_CHECKPOINTER_TOO + "test_a_closed_file_that_lacks_something_keeps_the_log",),
    ),
)

PROMISES = (*_THE_LOG, *_COMMITS, *_RECOVERIES, *_CHECKPOINTS)
