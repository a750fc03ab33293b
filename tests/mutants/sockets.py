"""Mutants of WebSocket connections: frames, the close handshake, what waits, who is there."""

import ast

from tests.mutants.mutation import (
    Mutant,
    always,
    assigns,
    branch_on,
    call_of,
    calls,
    expression,
    names,
    never,
    nothing,
    statements,
    to,
)

_SOCKETS = "runtime/sockets/"
_TESTS = "tests/runtime/sockets/"
_CLIENT = _TESTS + "test_client_socket.py::"
_SENDING = _TESTS + "test_sending.py::"
_DELIVERY = _TESTS + "test_delivery.py::"
_FRAMES = _TESTS + "test_frames.py::"
_ALIVE = _TESTS + "test_keepalive.py::"

_CLOSING = (
    Mutant(
        "something is sent after a close frame",
        _SOCKETS + "sending.py",
        "SendingHalf.transmit",
        branch_on("_sent_close"),
        never,
        (_CLIENT + "test_nothing_follows_a_close_frame",),
    ),
    Mutant(
        "a close frame leaves before what was sent before it",
        _SOCKETS + "sending.py",
        "SendingHalf._transmit_later",
        lambda node: isinstance(node, ast.Assign) and "close" in names(node.targets[0]),
        statements("self._write_close(close)"),
        (_SENDING + "test_a_close_frame_leaves_after_what_waits",),
    ),
    Mutant(
        "a peer that never answers a close frame keeps its connection",
        _SOCKETS + "client_socket.py",
        "ClientSocket._after_close_frame",
        calls("_cut_later"),
        nothing,
        (_CLIENT + "test_who_has_said_goodbye_reads_on_for_the_answer",),
    ),
    Mutant(
        "an actor that never answers a close frame keeps its connection",
        _SOCKETS + "client_socket.py",
        "ClientSocket.on_close",
        calls("_cut_later"),
        nothing,
        (_CLIENT + "test_an_end_that_nobody_goes_on_with_is_cut_off_in_time",),
    ),
    Mutant(
        "the second of two close frames counts",
        _SOCKETS + "client_socket.py",
        "ClientSocket.on_close",
        branch_on("_got_close"),
        never,
        (_CLIENT + "test_who_comes_after_a_close_frame_hears_nothing_of_it",),
    ),
    Mutant(
        "who comes after a close frame hears of a loss",
        _SOCKETS + "client_socket.py",
        "ClientSocket.connection_lost",
        branch_on("told"),
        always,
        (_CLIENT + "test_who_comes_after_a_close_frame_hears_nothing_of_it",),
    ),
    Mutant(
        "a message behind a close frame is heard",
        _SOCKETS + "client_socket.py",
        "ClientSocket.on_message",
        expression("self._receiver is not None and not self._got_close"),
        to("self._receiver is not None"),
        (_CLIENT + "test_who_comes_after_a_close_frame_hears_nothing_of_it",),
    ),
    Mutant(
        "who has ended a connection hears more of it",
        _SOCKETS + "client_socket.py",
        "ClientSocket.sever",
        assigns("_receiver"),
        nothing,
        (_CLIENT + "test_to_sever_is_to_close_without_hearing_any_more",),
    ),
    Mutant(
        "who breaks the protocol is not told how",
        _SOCKETS + "client_socket.py",
        "ClientSocket.on_broken",
        branch_on("unsaid"),
        never,
        (_SENDING + "test_who_breaks_the_protocol_hears_why_and_not_what_waits",),
    ),
    Mutant(
        "who breaks the protocol hears what waits first",
        _SOCKETS + "client_socket.py",
        "ClientSocket.on_broken",
        assigns("_queue"),
        nothing,
        (_SENDING + "test_who_breaks_the_protocol_hears_why_and_not_what_waits",),
    ),
)

_FRAME = (
    Mutant(
        "a client need not mask its frames",
        _SOCKETS + "frames.py",
        "FrameReader._handle_frame",
        branch_on("_maskless"),
        never,
        (_FRAMES + "test_what_breaks_the_protocol_is_told_with_its_code",),
    ),
    Mutant(
        "a message may have any size if it comes in fragments",
        _SOCKETS + "frames.py",
        "FrameReader._fragment",
        branch_on("_message_size_bytes_max"),
        never,
        (_FRAMES + "test_fragments_are_counted_together",),
    ),
    Mutant(
        "text that is not UTF-8 is mended",
        _SOCKETS + "frames.py",
        "_Fragments.__init__",
        expression("codecs.getincrementaldecoder('utf-8')()"),
        to("codecs.getincrementaldecoder('utf-8')('replace')"),
        (_FRAMES + "test_bad_text_is_refused_with_the_fragment_that_shows_it",),
    ),
    Mutant(
        "any code may close a connection",
        _SOCKETS + "frames.py",
        "FrameReader._control",
        branch_on("_CLOSE_CODES"),
        never,
        (_FRAMES + "test_what_breaks_the_protocol_is_told_with_its_code",),
    ),
    Mutant(
        "what a listener raises is taken for the peer's fault",
        _SOCKETS + "frames.py",
        "FrameReader._handle_frame",
        assigns("raised"),
        lambda _: ast.Raise(),
        (_FRAMES + "test_what_a_callback_raises_comes_out_of_feed_and_later_frames_are_read",),
    ),
)

_WAITING = (
    Mutant(
        "a message overtakes what waits",
        _SOCKETS + "sending.py",
        "SendingHalf.transmit",
        branch_on("_queue"),
        never,
        (_SENDING + "test_a_client_that_reads_a_little_gets_a_little",),
    ),
    Mutant(
        "everything may wait for a client that does not read",
        _SOCKETS + "delivery.py",
        "Waiting.push",
        branch_on("size_bytes_max"),
        never,
        (
            _DELIVERY + "test_past_the_limit_there_is_no_room",
            _SENDING + "test_past_its_limit_a_socket_is_closed_with_1013",
        ),
    ),
    Mutant(
        "a client that is cut off for not reading is not told why",
        _SOCKETS + "sending.py",
        "SendingHalf._overflow",
        calls("_write_close"),
        nothing,
        (_SENDING + "test_past_its_limit_a_socket_is_closed_with_1013",),
    ),
    Mutant(
        "all that waits leaves in one write",
        _SOCKETS + "delivery.py",
        "Waiting.take",
        expression("not taken or self._messages[0][1] <= size_bytes"),
        to("True"),
        (
            _DELIVERY + "test_what_is_taken_at_once_is_bounded",
            _SENDING + "test_what_waits_leaves_in_order_in_writes_of_bounded_size",
        ),
    ),
    Mutant(
        "what is dropped is not counted",
        _SOCKETS + "delivery.py",
        "DropOldest.push",
        lambda node: isinstance(node, ast.AugAssign) and "dropped" in names(node),
        nothing,
        (_SENDING + "test_the_oldest_are_let_go_of_and_counted",),
    ),
    Mutant(
        "the newest message of a key leaves where an older one was",
        _SOCKETS + "delivery.py",
        "Latest.push",
        expression("self._kept.pop(key, None)"),
        to("self._kept.get(key)"),
        (_DELIVERY + "test_of_a_key_only_the_newest_waits_where_it_was_sent",),
    ),
    Mutant(
        "answers to pings pile up before a client that does not read",
        _SOCKETS + "sending.py",
        "SendingHalf.send_pong",
        branch_on("_queue"),
        always,
        (_SENDING + "test_pongs_overtake_what_waits_and_only_the_last_is_sent",),
    ),
    Mutant(
        "what is only passed on is not slowed at its source",
        _SOCKETS + "client_socket.py",
        "ClientSocket.pause_writing",
        calls("hold"),
        nothing,
        (_SENDING + "test_what_is_passed_on_is_slowed_at_its_source_and_never_let_go_of",),
    ),
    Mutant(
        "what waits is kept for a connection that has ended",
        _SOCKETS + "client_socket.py",
        "ClientSocket._end",
        assigns("_queue"),
        nothing,
        (_SENDING + "test_nothing_is_kept_for_a_connection_that_has_ended",),
    ),
)

_BEING_THERE = (
    Mutant(
        "only an answer to the ping is a sign of life",
        _SOCKETS + "keepalive.py",
        "KeepAlive._give_up",
        expression("peer.heard_tick >= asked.tick or not peer.can_answer"),
        to("not peer.can_answer"),
        (_ALIVE + "test_any_byte_is_a_sign_of_life",),
    ),
    Mutant(
        "who is in the middle of a long message is given up",
        _SOCKETS + "keepalive.py",
        "KeepAlive._give_up",
        call_of("goes_on_since"),
        to("False"),
        (_ALIVE + "test_who_still_takes_what_was_sent_before_the_ping_has_more_time",),
    ),
    Mutant(
        "a machine that takes the ping answers for its program",
        _SOCKETS + "taking.py",
        "Taking.goes_on_since",
        expression("before.more_waits and self.taken_size_bytes > before.taken_size_bytes"),
        to("self.taken_size_bytes > before.taken_size_bytes"),
        (_ALIVE + "test_that_its_machine_takes_the_ping_itself_is_no_answer",),
    ),
    Mutant(
        "who cannot answer is given up",
        _SOCKETS + "keepalive.py",
        "KeepAlive._give_up",
        expression("peer.heard_tick >= asked.tick or not peer.can_answer"),
        to("peer.heard_tick >= asked.tick"),
        (_ALIVE + "test_who_cannot_answer_is_neither_asked_nor_given_up",),
    ),
    Mutant(
        "the time in which a connection was not read from is held against it",
        _SOCKETS + "client_socket.py",
        "ClientSocket.resume",
        calls("_is_alive"),
        nothing,
        (_ALIVE + "test_an_answer_that_was_not_read_yet_counts",),
    ),
    Mutant(
        "who reads is not taken to be there",
        _SOCKETS + "client_socket.py",
        "ClientSocket.resume_writing",
        calls("_is_alive"),
        nothing,
        (_ALIVE + "test_one_that_is_slow_and_reads_is_not_given_up",),
    ),
    Mutant(
        "connections that have ended are kept alive",
        _SOCKETS + "client_socket.py",
        "ClientSocket._end",
        calls("remove"),
        nothing,
        (_ALIVE + "test_nothing_is_kept_of_one_that_has_ended",),
    ),
    Mutant(
        "who does not answer is lost without anybody's hearing of it",
        _SOCKETS + "client_socket.py",
        "ClientSocket.presume_dead",
        calls("_tell_lost"),
        nothing,
        (_ALIVE + "test_a_half_open_connection_is_found",),
    ),
)

SOCKETS = (*_CLOSING, *_FRAME, *_WAITING, *_BEING_THERE)
