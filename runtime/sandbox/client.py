"""``get_sandbox``: a sandbox, as whoever has a binding to it calls it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...actors.http import Request, Response
from ...actors.namespace import DurableObjectNamespace
from .api.argument import client_request
from .api.exposed_port import ExposedPort
from .api.process import Process, bound, pattern_of
from .api.session import ExecutionSession
from .api.unavailable import Tunnels
from .errors import SandboxInvalid, SandboxSecurityError
from .preview.connecting import connect_socket
from .preview.forwarding import whole_hostname
from .terminal_request import TerminalRequest, open_terminal

ID_CHARACTERS_MAX: Final = 63
_RESERVED: Final = frozenset(
    {"www", "api", "admin", "root", "system", "cloudflare", "workers", "perdure"}
)

if TYPE_CHECKING:
    from .sandbox import Sandbox as _Calls
else:
    _Calls = object


def get_sandbox(
    namespace: "DurableObjectNamespace[Any]",
    id: str,  # noqa: A002  # the original's word
    *,
    sleep_after: str | float | None = None,
    keep_alive: bool | None = None,
    normalize_id: bool = True,
    enable_default_session: bool | None = None,
) -> "SandboxStub":
    """The sandbox of an id; nothing is sent, and nothing is started before the first call.

    Args:
        namespace: The binding of ``Sandbox``, or of a class that derives from it.
        id: What it is called: 1 to 63 characters, no ``-`` at either end. For preview URLs at most
            40: letters, digits, ``-`` and ``_``.
        sleep_after: How long it may have nothing to do before it sleeps: "30s", "10m", "1h", or
            seconds; what the configuration says by default.
        keep_alive: Whether it never sleeps.
        normalize_id: Take the id in lower case, as it is in host names.
        enable_default_session: Whether what a command without a session has left, its folder and
            its variables, is there for the next one; it is by default.

    Raises:
        SandboxSecurityError: The id cannot be one.
        SandboxInvalid: ``namespace`` is no binding.
    """
    if not callable(getattr(namespace, "get_by_name", None)):
        text = "get_sandbox takes the binding of the sandboxes, such as env.Sandbox, and an id;"
        raise SandboxInvalid("VALIDATION_FAILED", f"{text} it was given {namespace!r:.80}")
    name = checked_id(id.lower() if normalize_id and isinstance(id, str) else id)
    settings = {
        "set_sleep_after": sleep_after,
        "set_keep_alive": keep_alive,
        "set_enable_default_session": enable_default_session,
    }
    return SandboxStub(namespace.get_by_name(name), name, settings)


def checked_id(sandbox_id: str) -> str:
    """An id that a sandbox may have.

    Raises:
        SandboxSecurityError: It may not.
    """
    problem = None
    if not isinstance(sandbox_id, str) or not 0 < len(sandbox_id) <= ID_CHARACTERS_MAX:
        problem = f"it is text of 1 to {ID_CHARACTERS_MAX} characters"
    elif sandbox_id.startswith("-") or sandbox_id.endswith("-"):
        problem = "it does not begin or end with '-'"
    elif sandbox_id.lower() in _RESERVED:
        problem = "this name is reserved"
    if problem is not None:
        text = f"{sandbox_id!r} cannot be the id of a sandbox: {problem}"
        raise SandboxSecurityError("INVALID_SANDBOX_ID", text, {"sandbox_id": str(sandbox_id)})
    return sandbox_id


class SandboxStub(_Calls):
    """Calls one sandbox: every method of ``Sandbox`` is one of this.

    Attributes:
        id: What the sandbox is called.
        stub: The actor's.
        tunnels: See ``Sandbox.tunnels``.
    """

    tunnels = Tunnels()

    def __init__(
        self,
        stub: Any,
        sandbox_id: str,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.stub = stub
        self.id = sandbox_id
        told = (settings or {}).items()
        self._settings = {name: value for name, value in told if value is not None}

    def __repr__(self) -> str:
        return f"<SandboxStub {self.id}>"

    def fetch(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request to the actor's own ``fetch``."""
        return self.stub.fetch(*args, **kwargs)

    async def expose_port(self, port: int, hostname: str, **options: Any) -> ExposedPort:
        """See ``Sandbox.expose_port``."""
        whole = whole_hostname(hostname)
        exposed: ExposedPort = await self._call("expose_port", port, whole, **options)
        return exposed

    async def get_exposed_ports(self, hostname: str) -> list[ExposedPort]:
        """See ``Sandbox.get_exposed_ports``."""
        whole = whole_hostname(hostname)
        listed: list[ExposedPort] = await self._call("get_exposed_ports", whole)
        return listed

    async def ws_connect(self, request: Request, port: int) -> Response:
        """See ``Sandbox.ws_connect``."""
        client_request(request)
        for told in self._tell_settings():
            await told
        return await connect_socket(self.stub, request, port)

    async def create_session(
        self,
        *,
        id: str | None = None,  # noqa: A002  # the original's word
        name: str | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        command_timeout: float | None = None,
    ) -> ExecutionSession:
        """See ``Sandbox.create_session``."""
        facts = await self._call(
            "make_session", id=id, name=name, env=env, cwd=cwd, command_timeout=command_timeout
        )
        return ExecutionSession(self, facts.id)

    async def get_session(self, session_id: str) -> ExecutionSession:
        """See ``Sandbox.get_session``."""
        await self._call("get_session", session_id)
        return ExecutionSession(self, session_id)

    async def terminal(
        self,
        request: Request,
        *,
        cols: int = 80,
        rows: int = 24,
        shell: str | None = None,
        session_id: str | None = None,
        terminal_id: str | None = None,
    ) -> Response:
        """See ``Sandbox.terminal``."""
        wanted = TerminalRequest(cols, rows, shell, session_id, terminal_id)
        client_request(request)
        for told in self._tell_settings():
            await told
        return await open_terminal(self.stub, request, wanted)

    async def wait_for_log(
        self, process_id: str, pattern: str | re.Pattern[str], **options: Any
    ) -> Any:
        """See ``Sandbox.wait_for_log``."""
        text, flags = pattern_of(pattern)
        given = {"flags": flags, **options} if flags is not None else options
        return await self._call("wait_for_log", process_id, text, **given)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(name, *args, **kwargs)

        call.__name__ = name
        return call

    def _tell_settings(self) -> list[Awaitable[Any]]:
        settings, self._settings = self._settings, {}
        return [getattr(self.stub, method)(value) for method, value in settings.items()]

    async def _call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        told = self._tell_settings()
        # Sent in this order, so the settings are there first; nothing waits for them.
        result = getattr(self.stub, name)(*args, **kwargs)
        for each in told:
            await each
        found = await result
        if isinstance(found, Process | list):
            bound(found, self)
        return found
