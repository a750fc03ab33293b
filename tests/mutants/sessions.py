"""Mutants of sessions: actors that sleep, how they wake, and what their sockets have heard."""

import ast

from tests.mutants.mutation import (
    Mutant,
    always,
    assigns,
    branch_on,
    calls,
    expression,
    names,
    nothing,
    statements,
    to,
)

_SOCKET = "tests/actors/test_hibernated_socket.py::"
_SESSIONS = "tests/actors/test_sessions.py::"
_HOST = "tests/runtime/host/test_hibernation.py::"
_HEARS = _SOCKET + "test_the_first_that_is_heard_wakes_and_all_of_it_is_kept_in_order"
_WAKES = _HOST + "test_a_message_wakes_the_actor_with_its_constructor_run_first"


def _reversed(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.For), "it was found as one"
    node.iter = ast.Call(ast.Name("reversed", ast.Load()), [node.iter], [])
    return node


SESSIONS = (
    Mutant(
        "a client is read from while its actor wakes",
        "actors/hibernated_socket.py",
        "HibernatedSocket._hear",
        calls("pause"),
        nothing,
        (_HEARS, _HOST + "test_what_comes_while_the_file_changes_waits_for_it"),
    ),
    Mutant(
        "an actor is woken for each message that has come meanwhile",
        "actors/hibernated_socket.py",
        "HibernatedSocket._hear",
        branch_on("early"),
        always,
        (_HEARS,),
    ),
    Mutant(
        "what was heard last is kept first",
        "actors/hibernated_socket.py",
        "HibernatedSocket._hear",
        calls("append"),
        statements("self.early.insert(0, heard)"),
        (_HEARS,),
    ),
    Mutant(
        "what was heard before an actor woke is heard in another order",
        "actors/websocket.py",
        "WebSocket.hear_early",
        lambda node: isinstance(node, ast.For),
        _reversed,
        (_HOST + "test_what_comes_while_the_file_changes_waits_for_it",),
    ),
    Mutant(
        "a client that has woken an actor is read from no more",
        "actors/websocket.py",
        "WebSocket.hear_early",
        calls("resume"),
        nothing,
        (_WAKES,),
    ),
    Mutant(
        "what was heard before an actor woke is lost",
        "actors/sessions.py",
        "Sessions.wake",
        calls("hear_early"),
        nothing,
        (_WAKES,),
    ),
    Mutant(
        "whoever asks for a socket that slept gets another one each time",
        "actors/sessions.py",
        "Sessions.wake",
        assigns("awake"),
        statements("awake = self.revive(socket)"),
        (_WAKES,),
    ),
    Mutant(
        "a socket is woken that is awake",
        "actors/sessions.py",
        "Sessions.wake_if_asleep",
        branch_on("HibernatedSocket"),
        always,
        (_SESSIONS + "test_who_was_asked_for_or_has_left_is_not_woken",),
    ),
    Mutant(
        "an actor leaves memory with something to send",
        "actors/sessions.py",
        "Sessions.can_hibernate",
        expression("not self.unsent"),
        to("True"),
        (_SESSIONS + "test_with_something_to_send_or_a_socket_that_cannot_it_does_not_sleep",),
    ),
    Mutant(
        "an actor leaves memory while listeners of a socket are in it",
        "actors/sessions.py",
        "Sessions.can_hibernate",
        expression("isinstance(socket, HibernatedSocket) or socket.can_hibernate"),
        to("True"),
        (
            _HOST + "test_an_actor_with_a_standard_socket_stays",
            _SESSIONS + "test_with_something_to_send_or_a_socket_that_cannot_it_does_not_sleep",
        ),
    ),
    Mutant(
        "a map of sessions keeps an actor in memory",
        "actors/sessions.py",
        "Sessions.hibernate",
        assigns("revive"),
        nothing,
        (_HOST + "test_an_idle_actor_leaves_memory_and_its_sockets_stay",),
    ),
    Mutant(
        "a reset leaves sockets open that nobody had woken",
        "actors/sessions.py",
        "Sessions.sever",
        expression("list(self._sockets.values())"),
        to("[s for s in self._sockets.values() if not isinstance(s, HibernatedSocket)]"),
        (_HOST + "test_a_reset_ends_sockets_that_slept_and_were_not_asked_for",),
    ),
    Mutant(
        "a session that has ended is still found by its tag",
        "actors/sessions.py",
        "Sessions.remove",
        lambda node: isinstance(node, ast.For),
        nothing,
        (_SESSIONS + "test_who_has_left_is_not_in_it",),
    ),
    Mutant(
        "a socket that said goodbye before its actor slept may send after it",
        "actors/websocket.py",
        "WebSocket.revive",
        expression("SocketState.CLOSING if kept.is_closing else SocketState.OPEN"),
        to("SocketState.OPEN"),
        (_HOST + "test_a_socket_that_was_closed_before_hears_the_answer_after",),
    ),
    Mutant(
        "a socket that was kept from before goes on",
        "actors/websocket.py",
        "WebSocket.hibernate",
        lambda node: assigns("state")(node) and "HIBERNATED" in names(node),
        nothing,
        (_HOST + "test_a_socket_kept_from_before_is_of_no_use_and_says_so",),
    ),
    Mutant(
        "the sockets of an actor that cannot be woken stay open",
        "runtime/host/hibernation.py",
        "HibernatedActors.wake",
        calls("sever"),
        nothing,
        (_HOST + "test_a_closed_host_cuts_who_wants_to_wake_an_actor",),
    ),
    Mutant(
        "an actor that was woken counts for one that sleeps",
        "runtime/host/hibernation.py",
        "HibernatedActors.take",
        expression("self._actors.pop(actor_id.raw, None)"),
        to("self._actors.get(actor_id.raw)"),
        (_HOST + "test_close_and_loss_wake_the_actor_too",),
    ),
    Mutant(
        "an actor that is woken by its id has forgotten its name",
        "runtime/host/hibernation.py",
        "HibernatedActors.take",
        expression("slept.actor_id if actor_id.name is None else actor_id"),
        to("actor_id"),
        (_HOST + "test_a_sleeping_actors_name_is_known_to_what_wakes_it_by_id",),
    ),
)
