"""Mutants of what holds a sandbox: its wall, its keeper, its agent, and what they say."""

import ast

from tests.mutants.mutation import (
    Mutant,
    branch_on,
    calls,
    expression,
    never,
    nothing,
    preceded_by,
    statements,
    to,
)

_FOLDER = "runtime/sandbox/"
_TESTS = "tests/runtime/sandbox/"
_LINE = _TESTS + "wall/test_bubblewrap.py::"
_CHILD = _TESTS + "wall/test_child.py::"
_START = _TESTS + "wall/test_start.py::"
_STREAMS = _TESTS + "test_streams.py::"
_IDLE = _TESTS + "keeper/test_idle.py::"

_WALLS = (
    Mutant(
        "a wall refuses no call of the kernel",
        _FOLDER + "wall/bubblewrap.py",
        "arguments",
        expression('("--seccomp", str(plan.seccomp))'),
        to("()"),
        (_LINE + "test_it_dies_with_what_started_it_and_has_no_rights",),
    ),
    Mutant(
        "a sandbox shares the network",
        _FOLDER + "wall/bubblewrap.py",
        "namespaces",
        expression('(yield "--unshare-all")'),
        to(
            '(yield from ("--unshare-user", "--unshare-pid", "--unshare-ipc",'
            ' "--unshare-uts", "--unshare-cgroup"))'
        ),
        (
            _LINE + "test_every_namespace_is_its_own_and_the_network_only_shared_when_asked",
            _TESTS + "wall/test_outbound.py::test_without_it_there_is_loopback_only",
        ),
    ),
    Mutant(
        "what is mounted can be written",
        _FOLDER + "wall/bubblewrap.py",
        "root",
        expression('("--ro-bind", plan.sources[path], path)'),
        to('("--bind", plan.sources[path], path)'),
        (_LINE + "test_only_the_workspace_can_be_written",),
    ),
    Mutant(
        "the system's folders can be written",
        _FOLDER + "wall/bubblewrap.py",
        "root",
        expression('("--ro-bind", folder, folder)'),
        to('("--bind", folder, folder)'),
        (_LINE + "test_only_the_workspace_can_be_written",),
    ),
    Mutant(
        "the environment is the server's",
        _FOLDER + "wall/start.py",
        "Preparation.with_wall",
        lambda node: isinstance(node, ast.keyword) and node.arg == "environment",
        lambda _: ast.keyword("environment", ast.parse("dict(os.environ)", mode="eval").body),
        (_CHILD + "test_a_program_behind_a_wall_inherits_nothing",),
    ),
    Mutant(
        "a program keeps root's uid",
        _FOLDER + "wall/child.py",
        "become",
        calls("setresuid"),
        nothing,
        (_START + "test_for_root_it_is_somebody_else_who_is_in_no_group",),
    ),
    Mutant(
        "a program keeps root's groups",
        _FOLDER + "wall/child.py",
        "become",
        calls("setgroups"),
        nothing,
        (_START + "test_for_root_it_is_somebody_else_who_is_in_no_group",),
    ),
    Mutant(
        "a program keeps the server's descriptors",
        _FOLDER + "wall/child.py",
        "place_descriptors",
        expression("os.closerange(low, number)"),
        to("None"),
        (_CHILD + "test_descriptors_come_to_their_places_whatever_they_were",),
    ),
    Mutant(
        "a sandbox is in no control group",
        _FOLDER + "wall/child.py",
        "become",
        calls("join"),
        nothing,
        (_START + "test_the_end_by_the_limit_of_memory_is_told",),
    ),
    Mutant(
        "a control group has no limits",
        _FOLDER + "wall/cgroups.py",
        "ControlGroup.limit",
        calls("write_text"),
        nothing,
        (_TESTS + "wall/test_cgroups.py::test_all_limits_are_set_and_what_is_used_is_counted",),
    ),
)

_KEEPERS = (
    Mutant(
        "a keeper outlives its server",
        _FOLDER + "keeper/keeper.py",
        "Keeper.run",
        calls("watch", "_life_ends"),
        nothing,
        (_TESTS + "keeper/test_launcher.py::test_the_end_of_the_pipes_holder_ends_everything",),
    ),
    Mutant(
        "a sandbox sleeps while something is open",
        _FOLDER + "keeper/idle.py",
        "IdleTime.begin",
        lambda node: isinstance(node, ast.AugAssign),
        nothing,
        (
            _IDLE + "test_who_has_or_must_not_does_not",
            _IDLE + "test_the_time_begins_when_the_last_thing_is_done",
        ),
    ),
    Mutant(
        "a workspace may fill the disk",
        _FOLDER + "keeper/accounting.py",
        "DiskAccount._go_on",
        branch_on("_limit_bytes"),
        never,
        (
            _TESTS
            + "keeper/test_accounting.py::test_who_takes_too_much_is_told_of_as_soon_as_it_is_seen",
        ),
    ),
    Mutant(
        "a file is written where there is no room for it",
        _FOLDER + "keeper/operations.py",
        "Operations._write",
        branch_on("is_full"),
        never,
        (
            _TESTS
            + "api/test_file_streams.py"
            + "::test_what_fills_the_disk_is_ended_until_something_is_deleted",
        ),
    ),
    Mutant(
        "the output of a process is kept without end",
        _FOLDER + "keeper/rings.py",
        "Ring.append",
        lambda node: isinstance(node, ast.While),
        nothing,
        (
            _TESTS
            + "keeper/test_rings.py"
            + "::test_a_reader_gets_the_newest_bytes_in_order_and_learns_what_it_missed",
        ),
    ),
    Mutant(
        "anybody may ask a keeper",
        _FOLDER + "keeper/asker.py",
        "is_ours",
        calls("unpack"),
        statements("return True"),
        (_TESTS + "keeper/test_asker.py::test_another_user_is_not",),
    ),
    Mutant(
        "a keeper does not look at who asks",
        _FOLDER + "keeper/keeper.py",
        "Keeper._accept",
        expression("not is_ours(connection)"),
        to("False"),
        (_TESTS + "keeper/test_launcher.py::test_another_user_that_gets_there_is_not_heard",),
    ),
    Mutant(
        "a launcher does not look at who asks",
        _FOLDER + "keeper/launcher.py",
        "Launcher._accept",
        branch_on("is_ours"),
        never,
        (_TESTS + "keeper/test_launcher.py::test_another_user_that_gets_there_is_not_heard",),
    ),
    Mutant(
        "whatever an agent hands out is a port",
        _FOLDER + "keeper/ports.py",
        "check_socket",
        branch_on("FAMILIES"),
        never,
        (_TESTS + "keeper/test_ports.py::test_anything_else_is_refused",),
    ),
    Mutant(
        "a port's socket is not looked at",
        _FOLDER + "keeper/ports.py",
        "port.answered",
        calls("check_socket"),
        nothing,
        (_TESTS + "keeper/test_agent_link.py::test_the_reason_is_told",),
    ),
    Mutant(
        "a keeper holds what its asker does not read",
        _FOLDER + "keeper/relaying.py",
        "Relay._comes_out",
        calls("send"),
        preceded_by("self._question.consumed(cost(len(data)))"),
        (_TESTS + "keeper/test_relaying.py::test_one_who_stops_reading_a_file_stops_nothing_else",),
    ),
)

_WIRES = (
    Mutant(
        "a frame may be as large as it says",
        _FOLDER + "wire.py",
        "FrameReader.feed",
        branch_on("_size_max"),
        never,
        (_TESTS + "test_wire.py::test_a_frame_that_may_not_be_is_refused_by_its_head",),
    ),
    Mutant(
        "more may come than there is room for",
        _FOLDER + "streams.py",
        "Flow.came",
        branch_on("_may_come"),
        never,
        (_STREAMS + "test_who_sends_more_than_there_is_room_for_is_found_out",),
    ),
    Mutant(
        "more may be given back than was got",
        _FOLDER + "streams.py",
        "Flow.credited",
        branch_on("_may_send"),
        never,
        (_STREAMS + "test_who_gives_back_more_than_it_got_is_found_out",),
    ),
    Mutant(
        "descriptors that nobody asked for are kept",
        _FOLDER + "channel.py",
        "Channel._read",
        branch_on("_descriptors_max"),
        never,
        (
            _TESTS + "test_channel.py::test_descriptors_that_nobody_asked_for_end_it",
            _TESTS + "keeper/test_asker.py::test_one_that_sends_descriptors_is_cut_off",
        ),
    ),
)

_AGENTS = (
    Mutant(
        "an agent stays that has lost its keeper",
        _FOLDER + "agent/agent.py",
        "Agent.__init__",
        expression("self._reactor.stop()"),
        to("None"),
        (_TESTS + "agent/test_agent.py::test_a_keeper_that_speaks_garbage_has_it_end",),
    ),
    Mutant(
        "a signal reaches the command alone",
        _FOLDER + "agent/running.py",
        "Run._signal",
        calls("killpg"),
        statements("os.kill(self.pid, number)"),
        (_TESTS + "agent/test_running.py::test_a_signal_reaches_all_of_the_group",),
    ),
    Mutant(
        "an agent waits for who writes to a pipe",
        _FOLDER + "agent/files.py",
        "",
        expression("os.O_NONBLOCK | os.O_CLOEXEC"),
        to("os.O_CLOEXEC"),
        (_TESTS + "agent/test_files.py::test_what_cannot_be_read_or_written_says_why",),
    ),
    Mutant(
        "what is excluded is told of",
        _FOLDER + "agent/selection.py",
        "Selection.admits",
        expression("is_wanted and self.enters(path)"),
        to("is_wanted"),
        (_TESTS + "agent/test_watching.py::test_only_what_was_asked_for_is_told",),
    ),
    Mutant(
        "a star stands for slashes",
        _FOLDER + "agent/selection.py",
        "_Pattern._matches",
        expression('part == "*" and character != "/"'),
        to('part == "*"'),
        (
            _TESTS
            + "agent/test_selection.py::test_a_pattern_means_names_anywhere_and_what_is_below",
        ),
    ),
)

WALLS = _WALLS + _KEEPERS + _WIRES + _AGENTS
