"""``ws_connect``: a client's WebSocket to a server inside."""

from typing import Final, Protocol

from ....actors.http import Request, Response
from ..purpose import request_for
from .port import check_port
from .refusals import no_upgrade

PURPOSE: Final = "port"


class FetchStub(Protocol):
    """Whatever leads to a sandbox's actor."""

    async def fetch(self, request: Request, /) -> Response:
        """Have the actor answer a request."""
        ...


async def connect_socket(stub: FetchStub, request: Request, port: int) -> Response:
    """Have a client's request for a WebSocket answered by the server on a port inside.

    Returns:
        What the client is to be answered: the server's 101, or what it says instead; 426 if the
        client asks for no WebSocket.

    Raises:
        SandboxSecurityError: The port is none that can be reached.
    """
    check_port(port)
    if not request.is_upgrade:
        return no_upgrade()
    return await stub.fetch(request_for(request, PURPOSE, str(port)))
