"""Mutants of calls: stubs, services, and what travels over links to be called."""

import ast

from tests.mutants.mutation import (
    Mutant,
    assigns,
    branch_on,
    calls,
    expression,
    never,
    nothing,
    to,
)

_ABORTABLE = "tests/actors/test_abortable_body.py::"
_FETCHER = "tests/actors/test_fetcher.py::"
_BROKEN = _FETCHER + "test_after_a_reset_a_stub_fails_and_asks_nobody"
_SERVICES = "tests/runtime/host/test_services.py::"
_TOLD = _SERVICES + "test_a_call_and_a_request_are_told_a_copy_of_the_props_of_their_stub"
_FOUND = _SERVICES + "test_services_are_found_by_address_and_told_its_props"
_EXPORTS = "tests/runtime/host/test_exports.py::"
_PARCELS = "tests/runtime/shards/link/test_parcels.py::"
_ANSWERS = "tests/runtime/shards/link/test_answers.py::"
_CALLS = "tests/runtime/shards/link/test_calls.py::"
_STREAM = "tests/actors/test_writable_stream.py::"
_SIGNAL = (
    "tests/conformance/test_rpc.py::test_who_is_given_a_signal_is_told_when_it_is_time_and_why"
)


def _is_deletion(node: ast.AST) -> bool:
    return isinstance(node, ast.Delete)


def _is_counting(node: ast.AST) -> bool:
    return isinstance(node, ast.AugAssign)


def _is_loop(node: ast.AST) -> bool:
    return isinstance(node, ast.For)


def _backwards(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.For), "it was found as one"
    node.iter = ast.Call(ast.Name("reversed", ast.Load()), [node.iter], [])
    return node


_STUBS = (
    Mutant(
        "a stub whose actor was reset goes on to send requests",
        "actors/fetcher.py",
        "send_request",
        branch_on("_broken"),
        never,
        (_BROKEN,),
    ),
    Mutant(
        "a request that failed because its actor was reset leaves its stub whole",
        "actors/fetcher.py",
        "send_request",
        assigns("_broken"),
        nothing,
        (_BROKEN,),
    ),
    Mutant(
        "any error of a request breaks its stub",
        "actors/fetcher.py",
        "send_request",
        expression('getattr(error, "durable_object_reset", False)'),
        to("True"),
        (_FETCHER + "test_another_error_leaves_a_stub_as_it_is",),
    ),
    Mutant(
        "the answer to a request that was given up is kept",
        "actors/fetcher.py",
        "send_request",
        calls("let_go"),
        nothing,
        (_FETCHER + "test_an_answer_that_nobody_waits_for_any_more_is_let_go",),
    ),
    Mutant(
        "chunks that are written at the same time are taken at the same time",
        "actors/writable_stream.py",
        "ByteSink._do",
        lambda node: isinstance(node, ast.AsyncWith),
        lambda node: node.body,  # type: ignore[attr-defined]  # it was found as one
        (_STREAM + "test_one_chunk_is_taken_after_the_other",),
    ),
    Mutant(
        "a stream that is closed is written into",
        "actors/writable_stream.py",
        "ByteSink._do",
        branch_on("_is_over"),
        never,
        (_STREAM + "test_what_is_written_reaches_its_functions_as_bytes",),
    ),
    Mutant(
        "a body that is called off looks whole",
        "actors/abortable_body.py",
        "AbortableBody.abort",
        assigns("_error"),
        nothing,
        (
            _ABORTABLE + "test_what_the_source_says_to_its_end_is_not_told",
            _ABORTABLE + "test_an_answer_that_is_all_here_is_called_off_too",
        ),
    ),
    Mutant(
        "a body that is called off keeps its connection",
        "actors/abortable_body.py",
        "AbortableBody.abort",
        calls("cancel"),
        nothing,
        (_ABORTABLE + "test_a_read_that_waits_fails_and_the_source_is_let_go",),
    ),
    Mutant(
        "a signal that is aborted arrives as one that is not yet",
        "actors/packing.py",
        "_Lifting._signal",
        branch_on("is_aborted"),
        never,
        (_SIGNAL,),
    ),
    Mutant(
        "a signal whose stream has ended is aborted for no reason",
        "actors/abort_signal.py",
        "AbortSignal._read",
        branch_on("told"),
        never,
        (
            "tests/actors/test_abort_signal.py::test_who_waits_for_one_that_nobody_tells_of_is_cancelled",
        ),
    ),
)

_SERVICE = (
    Mutant(
        "an entrypoint is not told what its binding says",
        "runtime/host/services.py",
        "WorkerService.with_props",
        expression("self.address._replace(props=props)"),
        to("self.address"),
        (_TOLD, _FOUND),
    ),
    Mutant(
        "a call is not told the props of its stub",
        "runtime/host/services.py",
        "_CallTurn._handle",
        expression("worker.instance_of(self._entrypoint, self._props)"),
        to("worker.instance_of(self._entrypoint)"),
        (_TOLD,),
    ),
    Mutant(
        "a request is not told the props of its stub",
        "runtime/host/worker.py",
        "_RequestTurn._handle",
        expression("worker.instance_of(self._entrypoint, self._props)"),
        to("worker.instance_of(self._entrypoint)"),
        (_TOLD,),
    ),
    Mutant(
        "a service that is found by its address is told nothing",
        "runtime/host/services.py",
        "Services.find",
        expression("known.with_props(address.props)"),
        to("known"),
        (_FOUND,),
    ),
    Mutant(
        "what an entrypoint's method returns may be of any size",
        "runtime/host/services.py",
        "_CallTurn._answer",
        expression("worker.limits.rpc_message_size_bytes_max"),
        to("None"),
        (_SERVICES + "test_a_result_that_is_too_large_is_told_by_its_method",),
    ),
    Mutant(
        "props that a program gives its own entrypoint are not looked at",
        "runtime/host/exports.py",
        "LoopbackStub.__call__",
        expression("self._worker_service.with_props(encoded)"),
        to("self._worker_service"),
        (_EXPORTS + "test_an_entrypoint_is_told_the_props_that_its_stub_was_made_with",),
    ),
)

_LINKS = (
    Mutant(
        "what was given back over a link is kept",
        "runtime/shards/link/parcels.py",
        "Parcels._give_back",
        _is_deletion,
        nothing,
        (_PARCELS + "test_what_is_given_back_as_often_as_it_was_sent_is_forgotten",),
    ),
    Mutant(
        "what is on its way once more is forgotten when it is given back once",
        "runtime/shards/link/parcels.py",
        "Parcels._number_of",
        _is_counting,
        lambda _: ast.parse("self._sent[number].times = 1").body[0],
        (_PARCELS + "test_what_is_given_back_as_often_as_it_was_sent_is_forgotten",),
    ),
    Mutant(
        "what was in a frame that was not sent is kept",
        "runtime/shards/link/parcels.py",
        "Parcels.undo",
        calls("_give_back"),
        nothing,
        (_PARCELS + "test_a_frame_that_was_not_sent_gives_back_what_is_in_it",),
    ),
    Mutant(
        "what was sent is kept after the link's end",
        "runtime/shards/link/parcels.py",
        "Parcels._on_link_end",
        calls("clear", "_sent"),
        nothing,
        (_PARCELS + "test_after_the_end_of_the_link_nothing_is_kept",),
    ),
    Mutant(
        "what comes back to its owner is called the long way round",
        "runtime/shards/link/parcels.py",
        "Parcels._write_item",
        branch_on("RemoteCapability", "parcels"),
        never,
        (_PARCELS + "test_what_comes_back_to_its_owner_is_what_it_was",),
    ),
    Mutant(
        "a stub of a Worker leads back to the process that has sent it",
        "runtime/shards/link/parcels.py",
        "Parcels._write_item",
        branch_on("Service"),
        never,
        (_PARCELS + "test_a_stub_of_a_worker_travels_as_its_name",),
    ),
    Mutant(
        "what is called on an answer before it is there is forgotten",
        "runtime/shards/link/answers.py",
        "Answer.call",
        calls("append"),
        nothing,
        (_ANSWERS + "test_what_is_called_on_an_answer_waits_for_it",),
    ),
    Mutant(
        "what is called on an answer is done in another order",
        "runtime/shards/link/answers.py",
        "Answer.give",
        _is_loop,
        _backwards,
        (_ANSWERS + "test_what_is_called_on_an_answer_is_done_in_order",),
    ),
    Mutant(
        "what is called on an answer that fails waits for ever",
        "runtime/shards/link/answers.py",
        "Answer.give",
        calls("on_reply"),
        nothing,
        (_ANSWERS + "test_what_fails_fails_what_waits_for_it",),
    ),
    Mutant(
        "who works for nobody is not told so",
        "runtime/shards/link/answers.py",
        "Answer.give_up",
        calls("give_up"),
        nothing,
        (_ANSWERS + "test_giving_up_reaches_who_has_the_call",),
    ),
    Mutant(
        "who takes no more begins what comes",
        "runtime/shards/link/received_calls.py",
        "ReceivedCalls._begin",
        branch_on("_refusal", "is_refusable"),
        never,
        (_CALLS + "test_a_process_that_takes_no_more_says_so",),
    ),
    Mutant(
        "an answer that nobody can hear any more is kept",
        "runtime/shards/link/received_calls.py",
        "ReceivedCalls._answered",
        calls("let_go"),
        nothing,
        (_CALLS + "test_an_answer_that_nobody_can_hear_any_more_is_let_go",),
    ),
    Mutant(
        "who dies has left no word of what it had begun",
        "runtime/shards/link/received_calls.py",
        "ReceivedCalls._begin",
        calls("mark_begun"),
        nothing,
        (_CALLS + "test_a_killed_process_has_left_word_of_what_it_had_begun",),
    ),
)

RPC = (*_STUBS, *_SERVICE, *_LINKS)
