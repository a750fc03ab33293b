"""Mutants of compressed messages: what is agreed on, what is inflated, what is written."""

import ast

from tests.mutants.mutation import (
    Mutant,
    always,
    assigns,
    branch_on,
    expression,
    never,
    statements,
    to,
)

_EXTENSION = "runtime/sockets/extension.py"
_DEFLATE = "runtime/sockets/deflate.py"
_AGREED = "tests/runtime/sockets/test_extension.py::"
_MESSAGES = "tests/runtime/sockets/test_deflate.py::"
_OFFER = (_AGREED + "test_the_first_offer_that_can_be_met_is_taken",)
_ANSWER = (_AGREED + "test_an_answer_that_may_not_be_given_is_refused",)
_WRONG = (_MESSAGES + "test_what_is_wrong_is_told_with_its_code",)
_WITH_BITS = "Agreed({}, f'{{OFFER}}; server_max_window_bits={{bits}}')"

_HANDSHAKE = (
    Mutant(
        "a parameter of compression may come twice",
        _EXTENSION,
        "_asked",
        branch_on("asked", "parameters"),
        never,
        (*_OFFER, *_ANSWER),
    ),
    Mutant(
        "a parameter of compression may be unknown, and have any value",
        _EXTENSION,
        "_is_valid",
        expression("name == 'server_max_window_bits' and value in _WINDOW_BITS"),
        to("True"),
        (*_OFFER, *_ANSWER),
    ),
    Mutant(
        "a window that zlib cannot write is agreed on",
        _EXTENSION,
        "choose",
        expression("int(bits) >= _WINDOW_BITS_MIN"),
        to("True"),
        _OFFER,
    ),
    Mutant(
        "a smaller window is agreed on, and not kept to",
        _EXTENSION,
        "choose",
        expression(_WITH_BITS.format("int(bits)")),
        to(_WITH_BITS.format("WINDOW_BITS_MAX")),
        _OFFER,
    ),
    Mutant(
        "a server that keeps its state between messages is taken",
        _EXTENSION,
        "check_answer",
        lambda node: isinstance(node, ast.If) and "server_no_context" in ast.dump(node.test),
        never,
        _ANSWER,
    ),
    Mutant(
        "a server may answer with more than it was offered",
        _EXTENSION,
        "check_answer",
        expression("len(answered) > 1"),
        to("False"),
        _ANSWER,
    ),
)

_READ = (
    Mutant(
        "a message is inflated however large it becomes",
        _DEFLATE,
        "Inflater.inflate",
        expression("size_bytes_max - len(whole)"),
        to("0"),
        (_MESSAGES + "test_what_would_be_too_large_is_not_inflated",),
    ),
    Mutant(
        "a message whose compressed data is cut off counts for whole",
        _DEFLATE,
        "Inflater.inflate",
        branch_on("is_final", "eof"),
        never,
        _WRONG,
    ),
    Mutant(
        "what one message was inflated with goes on with the next one",
        _DEFLATE,
        "InflatingReader._inflated",
        branch_on("is_final"),
        never,
        (_MESSAGES + "test_compressed_messages_follow_each_other_without_end",),
    ),
    Mutant(
        "a message may consist of last blocks without end",
        _DEFLATE,
        "Inflater._begin_another",
        branch_on("_STREAMS_MAX"),
        never,
        _WRONG,
    ),
    Mutant(
        "a control frame may say that it is compressed",
        _DEFLATE,
        "_Headers.refuse",
        expression("first & RSV1 and first & 8"),
        to("False"),
        _WRONG,
    ),
)

_WRITTEN = (
    Mutant(
        "a message that gets longer is compressed all the same",
        _DEFLATE,
        "Deflate.encode",
        branch_on("deflated"),
        always,
        (_MESSAGES + "test_short_messages_and_those_that_get_longer_are_sent_as_they_are",),
    ),
    Mutant(
        "what is written needs a larger window than was agreed on",
        _DEFLATE,
        "deflate",
        assigns("bits"),
        statements("bits = 15"),
        (_MESSAGES + "test_what_is_written_needs_no_larger_window",),
    ),
)

COMPRESSION = (*_HANDSHAKE, *_READ, *_WRITTEN)
