"""Mutants of what takes records elsewhere: the archive, and actors that change their log."""

import ast

from tests.mutants.mutation import Mutant, always, assigns, branch_on, calls, names, nothing

_ARCHIVER = "tests/storage/test_archiver_promises.py::"
_MOVES = "tests/storage/test_moves.py::"

ELSEWHERE = (
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
