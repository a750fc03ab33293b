"""Mutants of the output gate: for each kind of output, one that lets it leave at once.

``docs/durability.md`` says what the gate promises. All replies take the same way through
``EventTurn.finish``; a mutant lets only its own kind past, so that its test is the one to notice.
"""

import ast

from tests.mutants.mutation import (
    Mutant,
    at_once,
    branch_on,
    call_of,
    expression,
    names,
    nothing,
    to,
)

_KINDS = "tests/durability/test_each_kind_of_output.py::"
_LEAVES = "tests/durability/test_what_leaves.py::"
_EMIT = call_of("emit")

OUTPUTS = (
    Mutant(
        "an HTTP response skips the gate",
        "actors/event_turn.py",
        "EventTurn.finish",
        _EMIT,
        at_once("getattr(answer, 'status', 101) != 101"),
        (_KINDS + "test_an_http_response_waits",),
    ),
    Mutant(
        "a 101 skips the gate",
        "actors/event_turn.py",
        "EventTurn.finish",
        _EMIT,
        at_once("getattr(answer, 'status', 0) == 101"),
        (_KINDS + "test_a_101_waits",),
    ),
    Mutant(
        "the result of an RPC call skips the gate",
        "actors/event_turn.py",
        "EventTurn.finish",
        _EMIT,
        at_once("isinstance(answer, bytes)"),
        (
            _KINDS + "test_the_result_of_a_call_waits",
            _LEAVES + "test_a_reply_waits_for_the_sync_that_covers_it",
        ),
    ),
    Mutant(
        "what became of an alarm skips the gate",
        "actors/event_turn.py",
        "EventTurn.finish",
        _EMIT,
        at_once("isinstance(answer, tuple)"),
        (_KINDS + "test_what_became_of_an_alarm_is_told_when_its_effects_are_durable",),
    ),
    Mutant(
        "the error of a handler skips the gate",
        "actors/event_turn.py",
        "EventTurn.fail",
        _EMIT,
        at_once(),
        (_KINDS + "test_the_error_of_a_call_waits",),
    ),
    Mutant(
        "a chunk of a streamed body skips the gate",
        "actors/response_stream.py",
        "piped.pump",
        lambda node: _EMIT(node) and "push" in names(node),
        at_once(),
        (_KINDS + "test_each_chunk_of_a_streamed_body_waits",),
    ),
    Mutant(
        "a frame to a client skips the gate",
        "actors/sessions.py",
        "Sessions.flush",
        lambda node: _EMIT(node) and "transmit" in names(node),
        at_once("getattr(socket, 'url', None) is None"),
        (_LEAVES + "test_frames_wait",),
    ),
    Mutant(
        "a frame of an outgoing connection skips the gate",
        "actors/sessions.py",
        "Sessions.flush",
        lambda node: _EMIT(node) and "transmit" in names(node),
        at_once("getattr(socket, 'url', None) is not None"),
        (_KINDS + "test_frames_of_an_outgoing_connection_wait",),
    ),
    Mutant(
        "an outgoing connection is opened past the gate",
        "actors/outgoing.py",
        "Handshake.__init__",
        _EMIT,
        at_once(),
        (_KINDS + "test_the_opening_of_an_outgoing_connection_waits",),
    ),
    Mutant(
        "a call of another actor skips the gate",
        "actors/promise.py",
        "send",
        _EMIT,
        at_once(),
        (_LEAVES + "test_a_call_to_another_actor_waits",),
    ),
    Mutant(
        "a request to the network skips the gate",
        "actors/fetch.py",
        "_send",
        _EMIT,
        at_once(),
        (_LEAVES + "test_an_outgoing_request_waits",),
    ),
    Mutant(
        "a reply that tells of a pending write without having written skips the gate",
        "actors/commit.py",
        "Committer._depends_on",
        lambda node: isinstance(node, ast.IfExp) and "_durable" in names(node),
        to("0"),
        (
            _KINDS + "test_the_reply_of_an_event_that_only_read_waits",
            _LEAVES + "test_a_successor_does_not_tell_of_what_is_not_durable_yet",
        ),
    ),
    Mutant(
        "what an actor before this one has written and not made durable counts for durable",
        "actors/commit.py",
        "Committer._depends_on",
        branch_on("last_lsn", "_counted_lsn"),
        nothing,
        (_LEAVES + "test_a_successor_does_not_tell_of_what_is_not_durable_yet",),
    ),
    Mutant(
        "what depends on nothing overtakes what waits",
        "actors/gates.py",
        "OutputGate.emit",
        expression("number or self.waiting"),
        to("number"),
        ("tests/actors/test_gates.py::test_output_leaves_in_the_order_in_which_it_was_emitted",),
    ),
    Mutant(
        "all that waits leaves with the first commit",
        "actors/gates.py",
        "OutputGate.open",
        expression("waiting[0][0] <= durable"),
        to("True"),
        (
            "tests/actors/test_gates.py::test_output_waits_for_the_commit_it_depends_on_and_no_other",
            _LEAVES + "test_a_reply_waits_for_its_own_commit_and_for_no_later_one",
        ),
    ),
    Mutant(
        "storage.sync() does not wait",
        "actors/durable_storage.py",
        "DurableStorage.sync",
        expression("actor.committer.is_dirty()"),
        to("False"),
        (_LEAVES + "test_code_after_sync_runs_when_all_is_durable",),
    ),
    Mutant(
        "an actor leaves memory while a write of it is on its way",
        "actors/actor.py",
        "Actor.is_idle",
        call_of("is_dirty"),
        to("False"),
        (_LEAVES + "test_a_write_that_nobody_waits_for_keeps_its_actor_in_memory",),
    ),
    Mutant(
        "a broken gate still lets things out",
        "actors/gates.py",
        "OutputGate.break_",
        call_of("clear"),
        to("None"),
        ("tests/actors/test_gates.py::test_a_broken_gate_lets_nothing_out_any_more",),
    ),
)
