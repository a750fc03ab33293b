"""Ports of a sandbox: what the world may reach, and how requests get there.

Promise:
    Nothing from outside reaches a server inside but over a port that is exposed, with its token, or
    because the program itself passes it on. The token is checked before anything is sent inside.
"""

import logging
import secrets
from typing import Any, Final

from ....actors.http import Request, Response
from ..errors import (
    SandboxError,
    SandboxPortError,
    SandboxPortNotFound,
    SandboxSecurityError,
    SandboxUnavailable,
)
from ..preview.address import PreviewAddress, check_name
from ..preview.forwarding import answered, forwarded, whole_hostname
from ..preview.port import check_port, is_port
from ..preview.refusals import invalid_token, no_upgrade, routing_error, stale
from ..preview.token import check_token, is_same, new_token
from ..purpose import without_purpose
from .argument import client_request, text_or_none
from .exposed_port import ExposedPort
from .part import KEYS, Part, told

log = logging.getLogger("perdure.sandbox")

PORTS: Final = KEYS + "port:"
# What tokens of ports that are not exposed are compared with: nobody has it.
_NOBODYS: Final = secrets.token_hex()


class Ports(Part):
    """What the world may reach of what listens inside."""

    async def expose_port(
        self, port: int, hostname: str, *, name: str | None = None, token: str | None = None
    ) -> ExposedPort:
        """Give a port a URL that the world can reach; ``proxy_to_sandbox`` serves it.

        The sandbox is started if it does not run. Once it has ended, the URL answers 410 until the
        port is exposed again, which gives the same URL; so does exposing it twice.

        Args:
            port: 1024 to 65535, but for 3000. Something may listen there later only.
            hostname: What the URL is to end with: a host below which all names lead to this
                server, such as "example.com"; or this machine's, such as "localhost:8787".
            name: For people.
            token: What makes the URL one that cannot be guessed: 1 to 16 lower-case letters, digits
                and underscores. One that nobody knows by default.

        Raises:
            SandboxSecurityError: The port, the token, or the sandbox's id cannot be in a URL.
            SandboxInvalid: The hostname cannot.
            SandboxPortError: The port is exposed with another token or name already.
        """
        check_port(port)
        if token is not None:
            check_token(token)
        text_or_none(name, "name")
        whole = whole_hostname(hostname)
        given = {"token": token, "name": name}
        self._address(port, self._token_for(port, given)).url(whole)  # refused before it starts
        boot = (await self._reach()).boot
        # What has been exposed meanwhile counts.
        address = self._address(port, self._token_for(port, given))
        url = address.url(whole)
        earlier = self._exposed(port) or {}
        name = name if name is not None else earlier.get("name")
        kept = {"token": address.token, "name": name, "boot": boot}
        if kept != earlier:
            self.ctx.storage.kv.put(f"{PORTS}{port}", kept)
        return ExposedPort(url=url, exposed_at=url, port=port, name=name)

    async def unexpose_port(self, port: int) -> None:
        """Let nobody reach a port any more. What is connected stays so.

        Raises:
            SandboxSecurityError: That is no port that can be exposed.
            SandboxPortNotFound: It is not exposed.
        """
        check_port(port)
        if self._exposed(port) is None:
            raise SandboxPortNotFound("PORT_NOT_EXPOSED", f"Port {port} is not exposed", _of(port))
        self.ctx.storage.kv.delete(f"{PORTS}{port}")

    async def get_exposed_ports(self, hostname: str) -> list[ExposedPort]:
        """What the world can reach of the sandbox as it runs now; it is not started for that.

        Args:
            hostname: As for ``expose_port``.
        """
        whole = whole_hostname(hostname)
        connection = await self._running()
        listed = []
        for key, kept in self.ctx.storage.kv.list(prefix=PORTS):
            if connection is not None and kept["boot"] == connection.boot:
                port = int(key.removeprefix(PORTS))
                url = self._address(port, kept["token"]).url(whole)
                listed.append(ExposedPort(url=url, exposed_at=url, port=port, name=kept["name"]))
        return sorted(listed, key=lambda each: each.port)

    async def is_port_exposed(self, port: int) -> bool:
        """Whether the world can reach a port of the sandbox as it runs now.

        Raises:
            SandboxSecurityError: ``port`` is no number.
        """
        kept = self._exposed(port)
        connection = None if kept is None else await self._running()
        return kept is not None and connection is not None and kept["boot"] == connection.boot

    async def validate_port_token(self, port: int, token: str) -> bool:
        """Whether that is the token of an exposed port.

        Raises:
            SandboxSecurityError: ``port`` is no number.
        """
        kept = self._exposed(port)
        return is_same(_NOBODYS if kept is None else kept["token"], token)

    async def ws_connect(self, request: Request, port: int) -> Response:
        """Connect a client's WebSocket to a server inside.

        The whole upgrade goes there: path, query, headers, subprotocols. No token is needed: who
        calls this has decided that the client may.

        Args:
            request: The client's, with ``Upgrade: websocket``.
            port: Where the server listens; it is waited for up to 10 s.

        Returns:
            The server's 101, to be returned to the client; or what it says instead. 426 if the
            client asks for no WebSocket.

        Raises:
            SandboxSecurityError: The port is none that can be reached.
            SandboxPortError: Nothing listens there.
        """
        check_port(port)
        if not client_request(request).is_upgrade:
            return no_upgrade()
        await self._reach()
        with told():
            return await self._home.fetch(self._id, port, without_purpose(request))

    async def _serve_preview(self, request: Request, what: str) -> Response:
        """Answer what ``proxy_to_sandbox`` has sent: the port, a blank, and the token."""
        number, _, token = what.partition(" ")
        port = int(number)
        kept = self._exposed(port)
        if not await self.validate_port_token(port, token) or kept is None:
            return invalid_token()
        connection = await self._running()
        if connection is None or connection.boot != kept["boot"]:
            return stale()
        inner = forwarded(request, self.ctx.id.name or "")
        try:
            with told():
                response = await self._home.fetch(self._id, port, inner)
        except SandboxUnavailable:  # it has ended just now
            return stale()
        except SandboxError as error:
            facts = {"sandbox": self.ctx.id.name, "port": port, "code": error.code}
            log.warning("sandbox.preview.failed", extra={**facts, "error": str(error)})
            return routing_error()
        return answered(response, request, port)

    def _address(self, port: int, token: str) -> PreviewAddress:
        name = self.ctx.id.name
        check_name(name)
        return PreviewAddress(port, name or "", token)

    def _exposed(self, port: int) -> dict[str, Any] | None:
        """What is kept of a port; None if it is not exposed, or can never be.

        Raises:
            SandboxSecurityError: It is no number.
        """
        if type(port) is not int:
            check_port(port)
        kept: dict[str, Any] | None = None
        if is_port(port):
            kept = self.ctx.storage.kv.get(f"{PORTS}{port}")
        return kept

    def _token_for(self, port: int, given: dict[str, str | None]) -> str:
        """The token that a port is to have; it is that of no other one.

        Raises:
            SandboxPortError: It has another one, or another name, than was given.
            SandboxSecurityError: Another port has it.
        """
        kept = self._exposed(port)
        for what, value in given.items():
            if kept is not None and value is not None and value != kept[what]:
                text = f"Port {port} is exposed with another {what}; unexpose it first"
                raise SandboxPortError("PORT_ALREADY_EXPOSED", text, _of(port))
        token = given["token"] or (new_token() if kept is None else kept["token"])
        for key, other in self.ctx.storage.kv.list(prefix=PORTS):
            if key != f"{PORTS}{port}" and is_same(other["token"], token):
                where = key.removeprefix(PORTS)
                text = f"The token is already in use by port {where}: use a different one"
                raise SandboxSecurityError("INVALID_TOKEN", text, _of(port))
        return token


def _of(port: int) -> dict[str, Any]:
    return {"port": port}
