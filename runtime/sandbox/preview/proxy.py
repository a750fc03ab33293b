"""``proxy_to_sandbox``: what a Worker does first with each request."""

import logging
from typing import Any, Final

from ....actors.http import Request, Response
from ....storage.errors import UsageError
from ..purpose import request_for
from .address import address_of
from .forwarding import host_of, note_port
from .refusals import routing_error

log = logging.getLogger("perdure.sandbox")

PURPOSE: Final = "preview"


class NoSandboxBinding(UsageError):
    """``proxy_to_sandbox`` was not told where the sandboxes are.

    Attributes:
        binding: The name that is not in ``env``.
    """

    def __init__(self, binding: str) -> None:
        self.binding = binding
        super().__init__(
            f"env has no binding {binding!r} for proxy_to_sandbox: name it so in the "
            'configuration, or say proxy_to_sandbox(request, env, binding="...")'
        )


async def proxy_to_sandbox(
    request: Request, env: Any, *, binding: str = "Sandbox"
) -> Response | None:
    """Answer a request for the preview URL of a port, by the server that listens there inside.

    Call it first: ``if (response := await proxy_to_sandbox(request, env)) is not None: return
    response``. WebSockets, server-sent events and bodies of any size pass, as they flow. The server
    sees the request as it came, but for ``Host``, which is ``localhost`` with its port, and
    ``X-Original-URL``, ``X-Forwarded-Host``, ``X-Forwarded-Proto``, ``X-Forwarded-For`` and
    ``X-Sandbox-Name``, which nobody else can have set.

    Args:
        request: As the Worker got it.
        env: The Worker's bindings.
        binding: Which of them leads to the sandboxes.

    Returns:
        None if the request is for no preview URL. 404 (INVALID_TOKEN) if its token is not that of
        an exposed port, before anything is sent inside; 410 (STALE_PREVIEW_URL) if the sandbox has
        ended since; 500 if the server inside gives no answer, with the reason in the log.

    Raises:
        NoSandboxBinding: ``env`` has no such binding.
    """
    host = host_of(request.url)
    note_port(host)
    address = address_of(host)
    if address is None:
        return None
    namespace = getattr(env, binding, None)
    if namespace is None:
        raise NoSandboxBinding(binding)
    stub = namespace.get_by_name(address.name)
    told = request_for(request, PURPOSE, f"{address.port} {address.token}")
    try:
        response: Response = await stub.fetch(told)
    except Exception as error:  # whatever it is, it is not for the client
        facts = {"sandbox": address.name, "port": address.port, "error": str(error)}
        log.warning("sandbox.preview.failed", extra=facts)
        return routing_error()
    return response
