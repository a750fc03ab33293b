"""What an actor asks of a connection is what a connection has, and the other way round."""

import asyncio

from perdure.actors import link
from perdure.actors.websocket import WebSocket
from perdure.runtime.sockets import joint
from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.limits import SocketLimits


def test_both_sides_of_the_joint_say_the_same() -> None:
    def halves(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        """Checked by mypy; never run."""
        connection = ClientSocket(transport, loop, SocketLimits())
        carries: link.SocketLink = connection
        receiver: joint.SocketReceiver = WebSocket.unaccepted()
        connection.set_receiver(receiver)
        del carries

    assert callable(halves)
    assert joint.Close == link.Close
    assert joint.Sent == link.Sent
    assert {n for n in vars(joint.SocketReceiver) if n[0] != "_"} == {
        n for n in vars(link.SocketReceiver) if n[0] != "_"
    }
