"""A WebSocket that another server carries, with that server's side in the test's hands."""

import asyncio
from dataclasses import dataclass, field

from perdure.actors.link import RELAY
from perdure.actors.session import CloseFrame, Lost, Receipted
from perdure.runtime.embedded.hosted_socket import HostedSocket
from perdure.runtime.sockets.limits import SocketLimits


class Carrier:
    """Sends when it may, and hears what the test says."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.may_send = asyncio.Semaphore(0)
        self.heard: asyncio.Queue[str | bytes | CloseFrame | Lost] = asyncio.Queue()
        self.is_gone = False

    async def send(self, message: str | bytes) -> None:
        await self.may_send.acquire()
        if self.is_gone:
            raise OSError("gone")
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.sent.append((code, reason))

    async def receive(self) -> str | bytes | CloseFrame | Lost:
        return await self.heard.get()


@dataclass
class Receiver:
    told: list[object] = field(default_factory=list)
    is_held: bool = False

    def receive(self, message: str | bytes | Receipted) -> None:
        self.told.append(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        self.told.append(CloseFrame(code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self.told.append(code)

    def hold(self) -> None:
        self.is_held = True

    def go_on(self) -> None:
        self.is_held = False


def connect(**limits: float) -> tuple[HostedSocket, Carrier, Receiver, asyncio.Task[None]]:
    carrier, receiver = Carrier(), Receiver()
    loop = asyncio.get_running_loop()
    socket = HostedSocket(carrier, loop, SocketLimits(**limits))  # type: ignore[arg-type]  # sizes are ints
    socket.set_receiver(receiver)
    return socket, carrier, receiver, asyncio.create_task(socket.run())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_leave_in_order_and_the_close_is_last() -> None:
    socket, carrier, receiver, task = connect()
    socket.transmit(["a", b"b"])
    socket.transmit([("key", "c")], (4000, "done"))
    socket.transmit(["never"])
    for _ in range(3):
        carrier.may_send.release()
    await settle()
    assert carrier.sent == ["a", b"b", "c", (4000, "done")]
    carrier.heard.put_nowait(CloseFrame(4000, "done"))
    await task
    assert receiver.told == [CloseFrame(4000, "done")]
    assert socket.ended.done()


async def test_what_waits_holds_who_is_passed_on_and_is_counted() -> None:
    socket, carrier, receiver, task = connect()
    socket.set_delivery(RELAY, None)
    socket.transmit([bytes(60_000), bytes(60_000), bytes(60_000)])
    assert receiver.is_held
    await settle()
    assert socket.buffered_size_bytes == 180_000
    for _ in range(3):
        carrier.may_send.release()
    await settle()
    assert not receiver.is_held
    assert socket.buffered_size_bytes == 0
    task.cancel()


async def test_a_client_that_does_not_read_is_closed() -> None:
    socket, carrier, receiver, task = connect(websocket_queue_size_bytes_max=1000)
    socket.transmit(["first"])
    await settle()
    for _ in range(3):
        socket.transmit(["x" * 500])
    assert receiver.told == [1013]
    carrier.may_send.release()
    await settle()
    assert carrier.sent[0] == "first"
    assert isinstance(carrier.sent[1], tuple)
    assert carrier.sent[1][0] == 1013
    task.cancel()


async def test_a_policy_may_drop_instead() -> None:
    socket, carrier, receiver, task = connect()
    socket.set_delivery("drop_oldest", 1000)
    socket.transmit(["taken"])
    await settle()
    for number in range(4):
        socket.transmit([f"{number}" * 400])
    assert socket.dropped_messages == 2
    for _ in range(5):
        carrier.may_send.release()
    await settle()
    assert [str(message)[0] for message in carrier.sent] == ["t", "2", "3"]
    assert receiver.told == []
    task.cancel()


async def test_a_message_that_is_too_large_ends_the_connection() -> None:
    _, carrier, receiver, task = connect(websocket_message_size_bytes_max=3)
    carrier.heard.put_nowait("abc")
    carrier.heard.put_nowait("äb")
    carrier.heard.put_nowait("äbc")
    await settle()
    assert receiver.told == ["abc", "äb", 1009]
    assert carrier.sent == [(1009, "a message of 4 bytes is more than 3")]
    task.cancel()


async def test_a_paused_client_is_not_read() -> None:
    socket, carrier, receiver, task = connect()
    socket.pause()
    carrier.heard.put_nowait("a")
    carrier.heard.put_nowait("b")
    await settle()
    assert receiver.told == ["a"]  # it was being read
    socket.resume()
    await settle()
    assert receiver.told == ["a", "b"]
    task.cancel()


async def test_it_answers_by_itself() -> None:
    socket, carrier, receiver, task = connect()
    socket.set_auto_response(("ping", "pong"))
    carrier.may_send.release()
    carrier.heard.put_nowait("ping")
    await settle()
    assert carrier.sent == ["pong"]
    assert receiver.told == []
    assert socket.auto_response_time_ms is not None
    task.cancel()


async def test_a_client_that_has_gone_is_told_once() -> None:
    socket, carrier, receiver, task = connect()
    carrier.is_gone = True
    carrier.may_send.release()
    socket.transmit(["a"])
    await settle()
    carrier.heard.put_nowait(Lost(1006, "gone"))
    await task
    assert receiver.told == [1006]


async def test_a_goodbye_that_is_not_answered_is_not_waited_for_for_ever() -> None:
    socket, carrier, receiver, task = connect(websocket_close_timeout_s=0.01)
    socket.transmit((), (1000, ""))
    await task
    assert carrier.sent == [(1000, "")]
    assert receiver.told == [1006]


async def test_who_severs_hears_no_more() -> None:
    socket, carrier, receiver, task = connect()
    socket.sever(1001, "over")
    await settle()
    carrier.heard.put_nowait("late")
    carrier.heard.put_nowait(CloseFrame(1001, "over"))
    await task
    assert carrier.sent == [(1001, "over")]
    assert receiver.told == []
