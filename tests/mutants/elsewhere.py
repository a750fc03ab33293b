"""Mutants of what takes records elsewhere: the archive, and actors that change their log."""

import ast

from tests.mutants.mutation import (
    Mutant,
    always,
    assigns,
    block,
    branch_on,
    calls,
    expression,
    names,
    nothing,
    swapped,
    to,
)

_ARCHIVER = "tests/storage/test_archiver_promises.py::"
_MOVES = "tests/storage/test_moves.py::"

_ARCHIVE = "tests/storage/archive/test_archive.py::"
_COPIED = _ARCHIVE + "test_a_copy_is_durable_before_it_is_known_and_known_before_its_draft_goes"
_COPIES = "tests/storage/archive/test_copies.py::"
_SPANS = "tests/storage/archive/test_spans.py::"
_WRITTEN = _SPANS + "test_a_file_is_durable_before_it_has_its_name_and_that_on_return"

_KEPT = (
    Mutant(
        "a file of the archive has its name before its content is durable",
        "storage/archive/spans.py",
        "write_archive_file",
        calls("fsync"),
        nothing,
        (_WRITTEN,),
    ),
    Mutant(
        "the name of a file of the archive is not durable",
        "storage/archive/spans.py",
        "write_archive_file",
        calls("sync_directory"),
        nothing,
        (_WRITTEN,),
    ),
    Mutant(
        "damage in a file of the archive is not noticed",
        "storage/archive/spans.py",
        "_read_span",
        expression("zlib.crc32(rest, zlib.crc32(body)) == crc"),
        to("True"),
        (_SPANS + "test_any_byte_that_is_damaged_is_noticed_and_costs_its_span_alone",),
    ),
    Mutant(
        "a copy of an actor that has changed is taken for what it was",
        "storage/archive/copies.py",
        "take_out",
        expression("checksum != snapshot.checksum"),
        to("False"),
        (_COPIES + "test_a_copy_that_has_changed_is_not_taken_for_what_it_was",),
    ),
    Mutant(
        "a copy of an actor is known before it is durable",
        "storage/archive/archive.py",
        "Archive.add_copy",
        calls("sync_file"),
        nothing,
        (_COPIED,),
    ),
    Mutant(
        "the draft of a copy goes before the copy is known",
        "storage/archive/archive.py",
        "Archive.add_copy",
        block(calls("add_snapshot"), calls("unlink", "draft")),
        swapped(calls("add_snapshot"), calls("unlink", "draft")),
        (_COPIED,),
    ),
    Mutant(
        "what a younger state needs is let go",
        "storage/archive/archive.py",
        "Archive._let_go",
        calls("_copy_at"),
        nothing,
        (_ARCHIVE + "test_what_is_old_goes_but_nothing_that_a_younger_state_needs",),
    ),
    Mutant(
        "nothing that is old is let go",
        "storage/archive/archive.py",
        "Archive.expire",
        branch_on("last_ms"),
        always,
        (_ARCHIVE + "test_what_is_old_goes_but_nothing_that_a_younger_state_needs",),
    ),
)

_MOVED = (
    Mutant(
        "a segment is used again before the archive has it",
        "storage/log.py",
        "CommitLog.recycle",
        branch_on("on_recycled"),
        always,
        (_ARCHIVER + "test_no_segment_is_used_again_before_the_archive_has_it",),
    ),
    Mutant(
        "the file of an actor that leaves its log is not synced",
        "storage/moves.py",
        "Moves._make_ready",
        lambda node: isinstance(node, ast.Expr) and "_sync" in names(node),
        nothing,
        (
            _MOVES + "test_the_way_to_its_file_is_synced_too",
            _MOVES + "test_an_actor_stays_if_its_file_cannot_be_synced",
        ),
    ),
    Mutant(
        "the alarm of an actor that leaves its log is not saved",
        "storage/moves.py",
        "Moves._make_ready",
        calls("_save_alarms"),
        nothing,
        (_MOVES + "test_its_alarm_is_saved_before_the_log_says_that_it_left",),
    ),
    Mutant(
        "an actor leaves its log before its last commit is durable",
        "storage/moves.py",
        "Moves._make_ready",
        calls("all_durable"),
        nothing,
        (_MOVES + "test_what_was_not_durable_when_it_was_closed_moves_along",),
    ),
    Mutant(
        "the log that an actor has left goes on giving out its database",
        "storage/moves.py",
        "Moves.hand_over",
        calls("add"),
        nothing,
        (_MOVES + "test_the_store_it_left_has_its_database_no_more",),
    ),
    Mutant(
        "the commits of an actor that moved are numbered anew",
        "storage/moves.py",
        "Moves.take_over",
        assigns("last_commit"),
        nothing,
        (_MOVES + "test_the_numbers_of_its_commits_go_on",),
    ),
)

ELSEWHERE = (*_KEPT, *_MOVED)
