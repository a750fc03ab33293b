"""Mutants of the edge: bytes that are taken for another request's, connections not counted."""

import ast

from tests.mutants.mutation import (
    Mutant,
    assigns,
    branch_on,
    expression,
    names,
    never,
    nothing,
    to,
)

_PROTOCOL = "runtime/edge/http_protocol.py"
_ADMISSION = "runtime/edge/admission.py"
_TRAILERS = "tests/conformance/test_trailers.py::"
_PIECES = "tests/runtime/edge/test_pieces.py::"
_HTTP = "tests/runtime/edge/test_http_protocol.py::"
_ADMITTED = "tests/runtime/edge/test_admission.py::"

_REQUESTS = (
    Mutant(
        "trailers become headers of the next request",
        _PROTOCOL,
        "HttpProtocol._feed",
        assigns("_parser"),
        nothing,
        (_TRAILERS + "test_a_trailer_is_no_header_of_the_next_request",),
    ),
    Mutant(
        "what follows a chunked body in the same bytes is read with it",
        "runtime/edge/pieces.py",
        "is_one_piece",
        lambda node: isinstance(node, ast.Return),
        lambda _: ast.Return(ast.Constant(value=True)),
        (
            _PIECES + "test_what_is_one_piece_has_no_empty_line_but_at_its_end",
            _TRAILERS + "test_what_came_in_one_piece_behind_a_chunked_body_is_answered",
        ),
    ),
    Mutant(
        "an empty line that came in two reads ends no body",
        "runtime/edge/pieces.py",
        "pieces",
        expression("range(1, rest.end() + 1) if rest else ()"),
        to("()"),
        (
            _PIECES + "test_every_empty_line_ends_a_piece_wherever_its_bytes_came_apart",
            _TRAILERS + "test_wherever_the_bytes_are_cut_a_trailer_stays_where_it_was",
        ),
    ),
    Mutant(
        "a body whose beginning was read alone is not looked after",
        _PROTOCOL,
        "HttpProtocol.data_received",
        expression("self._chunked is None and not self._held and is_one_piece(data)"),
        to("not self._held and is_one_piece(data)"),
        (_TRAILERS + "test_wherever_the_bytes_are_cut_a_trailer_stays_where_it_was",),
    ),
    Mutant(
        "a parser that waits for the program is fed",
        _PROTOCOL,
        "HttpProtocol._feed_held",
        expression("not self._reading_paused"),
        to("True"),
        (_TRAILERS + "test_what_came_behind_a_body_that_nobody_reads_yet_is_answered",),
    ),
    Mutant(
        "requests are read ahead without end",
        _PROTOCOL,
        "HttpProtocol._is_queue_full",
        expression("len(self._messages) >= self._max_msg_queue_size"),
        to("False"),
        (_TRAILERS + "test_few_of_many_requests_with_chunked_bodies_are_read_ahead",),
    ),
    Mutant(
        "a request that was read together with a body before it is answered",
        _PROTOCOL,
        "HttpProtocol._feed",
        expression("self._chunked is None"),
        to("True"),
        (_HTTP + "test_what_was_read_together_with_a_chunked_body_is_not_answered",),
    ),
    Mutant(
        "a connection serves any number of requests",
        _PROTOCOL,
        "HttpProtocol.ends_after_answer",
        branch_on("requests_max"),
        never,
        (_HTTP + "test_a_connection_ends_after_its_last_request",),
    ),
)

_CONNECTIONS = (
    Mutant(
        "connections that have ended are counted",
        _ADMISSION,
        "Admission.release",
        lambda node: isinstance(node, ast.AugAssign) and "_open" in names(node),
        nothing,
        (_ADMITTED + "test_counts_are_given_back",),
    ),
    Mutant(
        "a connection that became another object is forgotten under its address",
        _ADMISSION,
        "Admission.pass_on",
        branch_on("address"),
        never,
        (_ADMITTED + "test_counts_are_given_back",),
    ),
    Mutant(
        "proxies have as many connections as a client",
        _ADMISSION,
        "Admission.admit",
        expression("address not in self._trusted"),
        to("True"),
        (_ADMITTED + "test_trusted_proxies_may_have_any_number",),
    ),
    Mutant(
        "addresses that have ended are remembered",
        _ADMISSION,
        "Admission.release",
        lambda node: isinstance(node, ast.If) and "count" in names(node.test),
        lambda _: ast.parse("self._by_address[address] = count").body,
        (_ADMITTED + "test_counts_are_given_back",),
    ),
    Mutant(
        "any number of refused clients may stay to read why",
        _ADMISSION,
        "Admission.turn_away",
        branch_on("LEAVING_MAX"),
        never,
        (_ADMITTED + "test_very_many_are_cut_off_without_a_word",),
    ),
)

EDGE = (*_REQUESTS, *_CONNECTIONS)
