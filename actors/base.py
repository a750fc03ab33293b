"""The two classes that user code derives from."""

from typing import Any, ClassVar, Literal

from .state import DurableObjectState, ExecutionContext


class DurableObject:
    """One single-threaded actor with storage and sockets of its own.

    Override what you need; each handler may be ``def`` or ``async def``:

    * ``fetch(self, request)`` answers requests and upgrades;
    * ``alarm(self)`` or ``alarm(self, info)`` runs at the time set with ``storage.set_alarm``;
    * ``web_socket_message(self, ws, message)``, ``web_socket_close(self, ws, code, reason,
      was_clean)`` and ``web_socket_error(self, ws, error)`` hear sockets taken with
      ``ctx.accept_web_socket``.

    Every other public method can be called through a stub.

    Attributes:
        ctx: Id, storage, sockets and gates of this actor.
        env: Bindings and vars of the configuration.
    """

    on_restart: ClassVar[Literal["replay", "replay_first", "close"]] = "replay"
    """What becomes of sockets that were taken with ``accept()`` when the actor's process is
    replaced, in a server of several: the client's upgrade request comes again, with
    ``request.resumed`` True, and the client notices nothing; ``"replay_first"``: and the first
    message that the client has sent, for protocols that begin with a hello; ``"close"``: the client
    gets 1012. Sockets of ``ctx.accept_web_socket`` go on by themselves unless it is ``"close"``."""

    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        self.ctx = ctx
        self.env = env


class WorkerEntrypoint:
    """Receives requests from outside, in ``async fetch(self, request)``; the app's is ``Default``.

    An instance lives for one request.

    Attributes:
        ctx: ``wait_until``, ``exports``, ``props``.
        env: Bindings and vars of the configuration.
    """

    def __init__(self, ctx: ExecutionContext, env: Any) -> None:
        self.ctx = ctx
        self.env = env
