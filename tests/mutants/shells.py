"""Mutants of what commands leave to the next ones of their session."""

from tests.mutants.mutation import Mutant, calls, expression, nothing, to

_FOLDER = "runtime/sandbox/"
_STATE = "tests/runtime/sandbox/api/test_shell_state.py::"
_REPORT = "tests/runtime/sandbox/agent/test_shell_report.py::"

SHELLS = (
    Mutant(
        "what one call was given is there for the next",
        _FOLDER + "agent/shell_report.py",
        "ShellReport.left",
        expression("before.get(name) != value"),
        to("True"),
        (_STATE + "test_what_is_said_for_one_command_is_for_that_one",),
    ),
    Mutant(
        "a variable that was unset is back in the next command",
        _FOLDER + "agent/shell_report.py",
        "ShellReport.left",
        expression("before.keys() - after.keys()"),
        to("()"),
        (_REPORT + "test_a_command_leaves_the_variables_that_it_exports",),
    ),
    Mutant(
        "descriptors stay with the agent when a command has ended",
        _FOLDER + "agent/shell_report.py",
        "ShellReport.close",
        calls("close", "descriptor"),
        nothing,
        (_REPORT + "test_no_descriptor_stays",),
    ),
    Mutant(
        "a folder that is gone keeps the session from all commands",
        _FOLDER + "agent/agent.py",
        "Agent._folder",
        expression("'or_cwd' in request"),
        to("False"),
        (_STATE + "test_a_folder_that_is_no_more_is_left_for_the_one_before",),
    ),
    Mutant(
        "what shells have left outlives the sandbox",
        _FOLDER + "api/part.py",
        "Part._prepare_once",
        calls("forget_all"),
        nothing,
        (_STATE + "test_it_stays_when_the_actor_goes_and_not_when_the_sandbox_does",),
    ),
    Mutant(
        "what an earlier run has left counts until somebody looks",
        _FOLDER + "api/sessions.py",
        "Sessions._scope_now",
        expression("self._reach()"),
        to("asyncio.sleep(0)"),
        (_STATE + "test_it_stays_when_the_actor_goes_and_not_when_the_sandbox_does",),
    ),
    Mutant(
        "what was exported counts more than what is set later",
        _FOLDER + "api/sessions.py",
        "Sessions.set_env_vars",
        calls("forget_variables"),
        nothing,
        (_STATE + "test_what_is_set_later_counts",),
    ),
    Mutant(
        "a session that is made again has what the one before has left",
        _FOLDER + "api/sessions.py",
        "Sessions.delete_session",
        calls("forget"),
        nothing,
        (_STATE + "test_what_a_deleted_session_has_left_is_gone",),
    ),
    Mutant(
        "commands at the same time take back what the others have changed",
        _FOLDER + "api/shell_state.py",
        "ShellState.leave",
        expression("name not in left['env']"),
        to("False"),
        (_STATE + "test_commands_at_the_same_time_leave_what_each_has_changed",),
    ),
    Mutant(
        "a command without a session leaves something though it is to be of none",
        _FOLDER + "api/sessions.py",
        "Sessions._leaves",
        expression("self.ctx.storage.kv.get(NO_DEFAULT)"),
        to("False"),
        (_STATE + "test_without_a_default_session_each_command_begins_anew",),
    ),
)
