"""Sessions: each has a folder and variables of its own, and keeps them."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from ..errors import SandboxInvalid, SandboxSessionError
from ..results import timestamp_of
from .argument import text_or_none, time_limit, yes_or_no
from .commands import variables_of
from .part import ENVIRONMENT, KEYS, Part, Scope
from .session import ExecutionSession, SessionFacts
from .shell_state import ShellState

SESSIONS: Final = KEYS + "session:"
NO_DEFAULT: Final = KEYS + "no_default_session"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Sessions(Part):
    """Has sessions; each is a way to call the same sandbox."""

    async def create_session(
        self,
        *,
        id: str | None = None,  # noqa: A002  # the original's word
        name: str | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        command_timeout: float | None = None,
    ) -> ExecutionSession:
        """Make a session.

        Args:
            id: What it is called: letters, digits, ``.``, ``_`` and ``-``; drawn by default.
            name: For people.
            env: Its variables, on top of the sandbox's.
            cwd: Where its commands begin; ``/workspace`` by default.
            command_timeout: How long its commands may take that are given no ``timeout``, in
                seconds; as long as they like by default, as do processes in the background.

        Raises:
            SandboxSessionError: There is one of that id.
            SandboxInvalid: An argument is none.
        """
        facts = await self.make_session(
            id=id, name=name, env=env, cwd=cwd, command_timeout=command_timeout
        )
        return ExecutionSession(self, facts.id)

    async def get_session(self, session_id: str) -> ExecutionSession:
        """The session of an id; one that was never made is made by its first call.

        Raises:
            SandboxInvalid: No session can be called so.
        """
        return ExecutionSession(self, _checked_id(session_id))

    async def make_session(
        self,
        *,
        id: str | None = None,  # noqa: A002  # as above
        name: str | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        command_timeout: float | None = None,
    ) -> SessionFacts:
        """As ``create_session``, for callers elsewhere: what it gives are facts."""
        session_id = f"session-{secrets.token_hex(8)}" if id is None else _checked_id(id)
        if cwd is not None and (not isinstance(cwd, str) or not cwd.startswith("/")):
            text = f"The cwd of a session is an absolute path, not {cwd!r}"
            raise SandboxInvalid("VALIDATION_FAILED", text, {"field": "cwd"})
        text_or_none(name, "name")
        limit_s = time_limit(command_timeout, "command_timeout")
        if self._has(session_id):
            text = f"There is a session {session_id} already"
            context = {"session_id": session_id}
            raise SandboxSessionError("SESSION_ALREADY_EXISTS", text, context)
        variables = {key: value for key, value in variables_of(env).items() if value is not None}
        self._keep(session_id, name=name, env=variables, cwd=cwd, timeout_s=limit_s)
        return self._facts(session_id)

    async def delete_session(self, session_id: str) -> SessionFacts:
        """Forget a session, and end the processes that were started in it.

        Raises:
            SandboxSessionError: There is none of that id.
        """
        if not self._has(_checked_id(session_id)):
            text = f"There is no session {session_id}: it was never made, or was deleted"
            raise SandboxSessionError("SESSION_DESTROYED", text, {"session_id": session_id})
        facts = self._facts(session_id)
        connection = await self._running()
        if connection is not None:
            for record in (await self._ask("processes"))["processes"]:
                if record["session"] == session_id and record["status"] in {"starting", "running"}:
                    await self._ask("kill", id=record["id"], signal="SIGTERM")
        self.ctx.storage.kv.delete(SESSIONS + session_id)
        ShellState(self.ctx.storage.kv, session_id).forget()
        return facts

    async def list_sessions(self) -> list[SessionFacts]:
        """All that were made, and not deleted."""
        found = self.ctx.storage.kv.list(prefix=SESSIONS)
        return [self._facts(key.removeprefix(SESSIONS)) for key in [key for key, _ in found]]

    async def set_env_vars(
        self, env_vars: Mapping[str, str | None], *, session_id: str | None = None
    ) -> None:
        """Set variables for all commands from now on, as long as the sandbox is there.

        Args:
            env_vars: Names and values; None as a value removes one.
            session_id: Only for this session.
        """
        if env_vars is None:
            text = 'set_env_vars takes a dict, such as {"NAME": "value"}, not None'
            raise SandboxInvalid("VALIDATION_FAILED", text, {"field": "env_vars"})
        given = variables_of(env_vars)
        kv = self.ctx.storage.kv
        self._scope(session_id)
        key = ENVIRONMENT if session_id is None else SESSIONS + session_id
        kept = kv.get(key) or {}
        ShellState(kv, session_id).forget_variables(given)
        if session_id is None:
            kv.put(key, kept | given)
            connection = await self._running()
            if connection is not None:
                await self._ask("settings", env=given)
            return
        variables = {**kept["env"], **given}
        kept["env"] = {name: value for name, value in variables.items() if value is not None}
        kv.put(key, kept)

    async def set_enable_default_session(self, enabled: bool) -> None:  # noqa: FBT001  # the original's
        """Say whether commands without a session are of one: the default session.

        Args:
            enabled: If not, each begins in ``/workspace``, whatever those before have left.
        """
        kv = self.ctx.storage.kv
        if bool(kv.get(NO_DEFAULT)) is yes_or_no(enabled, "enable_default_session"):
            kv.put(NO_DEFAULT, not enabled)

    def _scope(self, session_id: str | None) -> Scope:
        if session_id is None:
            return super()._scope(None)
        kept = self._kept(session_id)
        return Scope(session_id, kept["cwd"], dict(kept["env"]), timeout_s=kept.get("timeout_s"))

    async def _scope_now(self, session_id: str | None) -> Scope:
        scope = self._scope(session_id)
        state = ShellState(self.ctx.storage.kv, session_id)
        if not self._leaves(session_id):
            return scope
        if state.is_kept:
            await self._reach()  # which forgets it if it was left to an earlier run of the sandbox
        return state.on_top_of(scope)

    def _leaves(self, session_id: str | None) -> bool:
        return session_id is not None or not self.ctx.storage.kv.get(NO_DEFAULT)

    def _leave(self, session_id: str | None, left: Mapping[str, Any] | None) -> None:
        if left is not None and (session_id is None or self._has(session_id)):
            ShellState(self.ctx.storage.kv, session_id).leave(left)

    def _has(self, session_id: str) -> bool:
        return self.ctx.storage.kv.get(SESSIONS + session_id) is not None

    def _facts(self, session_id: str) -> SessionFacts:
        kept = self._kept(session_id)
        return SessionFacts(
            id=session_id, name=kept["name"], cwd=kept["cwd"], created_at=kept["created_at"]
        )

    def _kept(self, session_id: str) -> dict[str, Any]:
        """What is kept of a session, which is made by that as in the original."""
        kept: dict[str, Any] | None = self.ctx.storage.kv.get(SESSIONS + _checked_id(session_id))
        return self._keep(session_id) if kept is None else kept

    def _keep(
        self,
        session_id: str,
        *,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        kept = {
            "name": name,
            "env": dict(env or {}),
            "cwd": cwd,
            "timeout_s": timeout_s,
            "created_at": timestamp_of(),
        }
        self.ctx.storage.kv.put(SESSIONS + session_id, kept)
        return kept


def _checked_id(session_id: object) -> str:
    """The id that a session may have.

    Raises:
        SandboxInvalid: It may not.
    """
    if not isinstance(session_id, str) or not _ID.fullmatch(session_id):
        text = f"{session_id!r} cannot be a session's id: 1 to 64 letters, digits, . _ and -"
        raise SandboxInvalid("VALIDATION_FAILED", text)
    return session_id
