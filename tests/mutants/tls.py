"""Mutants of connections that begin with a TLS handshake: how long, how many, who is told."""

import ast

from tests.mutants.mutation import (
    Mutant,
    branch_on,
    calls,
    expression,
    names,
    never,
    nothing,
    statements,
    to,
)

_FILE = "runtime/edge/tls_listener.py"
_TESTS = "tests/runtime/edge/test_tls_listener.py::"
_NONE = (_TESTS + "test_what_is_no_handshake_ends",)
_LATE = (_TESTS + "test_a_handshake_that_does_not_come_on_is_cut_off",)

TLS = (
    Mutant(
        "a client that says nothing may take any time",
        _FILE,
        "TlsListener._speaks_tls",
        expression("asyncio.timeout(self._timeout_s)"),
        to("asyncio.timeout(None)"),
        _LATE,
    ),
    Mutant(
        "a handshake that has begun may take any time",
        _FILE,
        "TlsListener._shake_hands",
        expression("max(deadline - self._loop.time(), 0.001)"),
        to("3600"),
        _LATE,
    ),
    Mutant(
        "a handshake that is late is not counted",
        _FILE,
        "TlsListener._welcome",
        lambda node: isinstance(node, ast.AugAssign) and "_late" in names(node),
        nothing,
        _LATE,
    ),
    Mutant(
        "a connection does not count before its handshake",
        _FILE,
        "TlsListener._begin",
        branch_on("admit"),
        never,
        (_TESTS + "test_slow_handshakes_hold_up_nobody_and_count",),
    ),
    Mutant(
        "a connection that never became one keeps its place",
        _FILE,
        "TlsListener._welcome",
        calls("release"),
        nothing,
        _NONE,
    ),
    Mutant(
        "a client's failure is an error in the log",
        _FILE,
        "TlsListener._welcome",
        calls("debug"),
        statements("log.error('tls.handshake_failed')"),
        _NONE,
    ),
    Mutant(
        "who speaks HTTP to a port of TLS is not told so",
        _FILE,
        "TlsListener._speaks_tls",
        branch_on("isalpha"),
        never,
        (_TESTS + "test_who_speaks_http_is_told_so",),
    ),
    Mutant(
        "a server that stops waits for handshakes",
        _FILE,
        "TlsListener.close",
        calls("cancel", "task"),
        nothing,
        (_TESTS + "test_a_server_that_stops_does_not_wait_for_handshakes",),
    ),
)
