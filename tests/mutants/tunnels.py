"""Mutants of tunnels: connections that workers give to routers, and what sandboxes hear of them."""

from tests.mutants.mutation import (
    Mutant,
    always,
    branch_on,
    call_of,
    calls,
    expression,
    never,
    nothing,
    to,
)

_SOCKETS = "runtime/shards/sockets/"
_HANDOVER = "runtime/shards/handover/"
_GIVING = "tests/runtime/shards/sockets/test_giving.py::"
_TUNNELS = "tests/runtime/shards/sockets/test_tunnels.py::"
_MOVING = "tests/runtime/shards/handover/test_departures_tunnels.py::"
_DESCRIPTORS = "tests/runtime/shards/link/test_descriptors.py::"
_RUNNING = "tests/runtime/sandbox/agent/test_running.py::"
_GIT = "tests/runtime/sandbox/api/test_git.py::"

_GIVEN = (
    Mutant(
        "what is compressed is given to who does not know how",
        _SOCKETS + "giving.py",
        "Giving.give",
        expression(
            "not isinstance(inner, MovableSocket) or inner.compresses or not inner.may_move"
        ),
        to("not isinstance(inner, MovableSocket) or not inner.may_move"),
        (_GIVING + "test_one_that_is_compressed_goes_over_the_link",),
    ),
    Mutant(
        "a connection is given before it has sent what it had to",
        _SOCKETS + "giving.py",
        "Giving.give",
        expression("not inner.is_dry or not descriptors.give(session, descriptor)"),
        to("not descriptors.give(session, descriptor)"),
        (_GIVING + "test_one_whose_transport_has_more_to_write_goes_over_the_link",),
    ),
    Mutant(
        "one that could not be given is not read any more",
        _SOCKETS + "giving.py",
        "Giving.give",
        calls("resume"),
        nothing,
        (_GIVING + "test_one_that_cannot_be_given_now_goes_over_the_link",),
    ),
    Mutant(
        "one that could not be given sends nothing any more",
        _SOCKETS + "giving.py",
        "Giving.give",
        calls("let_flow"),
        nothing,
        (_GIVING + "test_one_that_cannot_be_given_now_goes_over_the_link",),
    ),
    Mutant(
        "what had come of a message is lost with the worker",
        _SOCKETS + "giving.py",
        "Giving.give",
        expression("state.inbound"),
        to("b''"),
        (_GIVING + "test_what_the_server_has_said_before_comes_first",),
    ),
    Mutant(
        "a sandbox may go to sleep before the router keeps it awake",
        _SOCKETS + "giving.py",
        "Giving.give",
        expression("partial(on_end, inner)"),
        to("on_end(inner) or int"),
        (_GIVING + "test_who_has_opened_it_hears_of_its_end_when_its_sandbox_is_kept_awake",),
    ),
    Mutant(
        "a sandbox is kept awake for a router that has gone",
        _SOCKETS + "giving.py",
        "Giving._ended",
        calls("each"),
        nothing,
        (_GIVING + "test_who_has_opened_it_hears_of_its_end_when_the_router_has_gone",),
    ),
    Mutant(
        "a descriptor is taken for another connection's",
        "runtime/shards/link/descriptors.py",
        "Descriptors.take",
        expression("data == _NUMBER.pack(number) and len(found) == 1"),
        to("len(found) == 1"),
        (_DESCRIPTORS + "test_another_number_is_a_broken_link_and_leaves_nothing_open",),
    ),
)

_TAKEN = (
    Mutant(
        "what a client has said before is lost",
        _SOCKETS + "tunnels.py",
        "leave_to",
        calls("receive"),
        nothing,
        (_TUNNELS + "test_what_a_client_says_before_it_is_given_is_said_first",),
    ),
    Mutant(
        "a goodbye that a client has said before is lost",
        _SOCKETS + "tunnels.py",
        "leave_to",
        branch_on("said_close"),
        never,
        (_TUNNELS + "test_a_goodbye_that_comes_before_it_is_given_reaches_the_server",),
    ),
    Mutant(
        "the server of a client that has gone hears nothing",
        _SOCKETS + "tunnels.py",
        "Tunnels._begin",
        calls("sever", "inner"),
        nothing,
        (_TUNNELS + "test_the_server_of_a_client_that_has_gone_hears_so",),
    ),
    Mutant(
        "a client is not read any more",
        "runtime/sockets/movable_socket.py",
        "MovableSocket.read_from",
        calls("go_on"),
        nothing,
        (_TUNNELS + "test_messages_pass_both_ways_whole_and_cut",),
    ),
    Mutant(
        "a sandbox stays awake for ever",
        _SOCKETS + "tunnels.py",
        "Tunnels.join",
        calls("on_end", "connection"),
        nothing,
        (_GIVING + "test_who_has_opened_it_hears_of_its_end_when_its_sandbox_is_kept_awake",),
    ),
    Mutant(
        "a tunnel that has ended is counted",
        _SOCKETS + "tunnels.py",
        "Tunnels.join",
        calls("discard"),
        nothing,
        (_TUNNELS + "test_codes_and_reasons_pass_both_ways",),
    ),
)

_MOVED = (
    Mutant(
        "what waits for one side comes behind what the other one says next",
        _HANDOVER + "arrivals.py",
        "Arrivals._take_tunnel",
        calls("send_from"),
        nothing,
        (_MOVING + "test_what_waits_for_a_side_when_it_goes_comes_before_what_follows",),
    ),
    Mutant(
        "a tunnel is asked to go a second time",
        _HANDOVER + "departures.py",
        "Departures.look",
        expression("tunnel not in given"),
        to("True"),
        (_MOVING + "test_one_whose_successor_dies_goes_on_here",),
    ),
    Mutant(
        "who could not go yet hears nothing any more when the successor has gone",
        _HANDOVER + "departures.py",
        "Departures._ended",
        calls("let_flow"),
        nothing,
        (_MOVING + "test_one_that_is_not_dry_waits_and_goes_on_when_the_successor_dies",),
    ),
    Mutant(
        "a goodbye waits for a client that does not read",
        _HANDOVER + "departures.py",
        "Departures._look_at",
        calls("let_flow"),
        nothing,
        (_MOVING + "test_a_goodbye_that_comes_before_it_can_go_arrives",),
    ),
    Mutant(
        "half a tunnel is kept of a router that has died",
        _HANDOVER + "arrivals.py",
        "Arrivals._ended",
        calls("close"),
        nothing,
        (_MOVING + "test_a_router_that_dies_leaves_its_successor_whole_tunnels_only",),
    ),
)

_ENDED = (
    Mutant(
        "what a shell has started is killed with it, without the time to tidy up",
        "runtime/sandbox/agent/running.py",
        "Run._wait_for_group",
        branch_on("_grace_is_over"),
        always,
        (_RUNNING + "test_a_program_behind_a_shell_has_its_grace_too",),
    ),
    Mutant(
        "what does not want to end goes on when its shell has ended",
        "runtime/sandbox/agent/running.py",
        "Run._end_grace",
        calls("_signal"),
        nothing,
        (_RUNNING + "test_a_program_behind_a_shell_that_does_not_want_to_end_is_killed",),
    ),
    Mutant(
        "a clone that was killed is left half done",
        "runtime/sandbox/api/git.py",
        "Git._cloned",
        branch_on("is_killed"),
        never,
        (_GIT + "test_one_that_had_to_be_killed_leaves_nothing_either",),
    ),
    Mutant(
        "a folder that was there is taken away with a clone that failed",
        "runtime/sandbox/api/git.py",
        "_Wanted.removing",
        call_of("get"),
        to("f'rm -rf -- {target}'"),
        (_GIT + "test_one_that_had_to_be_killed_leaves_nothing_either",),
    ),
)

TUNNELS = (*_GIVEN, *_TAKEN, *_MOVED, *_ENDED)
