"""One session of a sandbox, as programs have it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ....actors.records import Record
from ....actors.rpc_target import RpcTarget

# What belongs to a session: the calls that have a ``session_id``.
OF_SESSIONS: Final = frozenset(
    {
        "check_changes",
        "delete_file",
        "exec",
        "exec_stream",
        "exists",
        "git_checkout",
        "list_files",
        "mkdir",
        "move_file",
        "read_file",
        "read_file_bytes",
        "read_file_stream",
        "rename_file",
        "set_env_vars",
        "start_process",
        "terminal",
        "watch",
        "write_file",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts(Record):
    """What a session is.

    Attributes:
        id: What it is called.
        name: For people.
        cwd: Where its commands begin; None: ``/workspace``.
        created_at: When it was made.
    """

    id: str
    name: str | None
    cwd: str | None
    created_at: str


if TYPE_CHECKING:
    from .files import Files
    from .processes import Processes
    from .terminal import Terminal

    class _Calls(Files, Processes, Terminal):
        """What checkers know of: the calls of the sandbox that are not about sessions."""
else:
    _Calls = RpcTarget


class ExecutionSession(_Calls):
    """The calls of a sandbox that belong to a session, in this one.

    Attributes:
        id: What it is called.
    """

    def __init__(self, sandbox: Any, session_id: str) -> None:
        self.id = session_id
        self._sandbox = sandbox

    def __repr__(self) -> str:
        return f"<ExecutionSession {self.id}>"

    def __getattr__(self, name: str) -> Any:
        """All other calls are the sandbox's."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._sandbox, name)


def _in_session(name: str) -> Callable[..., Any]:
    def call(self: ExecutionSession, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._sandbox, name)(*args, session_id=self.id, **kwargs)

    call.__name__ = name
    return call


for _name in OF_SESSIONS:  # methods of the class: calls from elsewhere find no others
    setattr(ExecutionSession, _name, _in_session(_name))
