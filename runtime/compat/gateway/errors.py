"""What goes wrong between an application and who runs it."""

from ....storage.errors import UsageError


class ClientDisconnected(UsageError, OSError):
    """The client has gone, so what the application sends reaches nobody.

    It is an OSError, as ASGI asks for; frameworks end the request when they meet it.
    """

    def __init__(self) -> None:
        super().__init__("the client has disconnected")

    def __str__(self) -> str:
        return "the client has disconnected"


class ProtocolMisused(UsageError):
    """The application does not keep to its interface.

    Attributes:
        interface: "ASGI" or "WSGI".
        problem: What it has done.
    """

    def __init__(self, interface: str, problem: str) -> None:
        self.interface = interface
        self.problem = problem
        super().__init__(interface, problem)

    def __str__(self) -> str:
        return f"the {self.interface} application {self.problem}"


class StartupFailed(UsageError):
    """The application's lifespan has not started; requests are answered when it has.

    Attributes:
        reason: What the application said.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the ASGI application has failed to start: {self.reason}"
