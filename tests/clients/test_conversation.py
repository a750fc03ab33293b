"""What each client does with a server, and a server with each client."""

from collections.abc import Awaitable, Callable

import pytest

from tests.clients.client import Client
from tests.clients.conftest import Town

pytestmark = pytest.mark.slow

KINDS = pytest.mark.parametrize("kind", ["standard", "hibernating"])
# Long enough for many reads of either side, and for a length that takes eight bytes.
BIG = 100_000


@KINDS
async def test_messages_pass_whole_in_order_and_as_what_they_were(
    client: Client, town: Town, kind: str
) -> None:
    await client.open(town.room(kind), ["chat.v1", "chat.v2"])
    assert await client.next() == ["open", "chat.v2"]
    messages: list[str | bytes] = ["hello", b"\0\1\xff", "", b""]
    messages += ["ä€𝄞\0" * BIG, bytes(range(256)) * (BIG // 32)]
    for message in messages:
        await client.send(message)
    for message in messages:
        assert await client.next() == ["text" if isinstance(message, str) else "binary", message]
    if client.can_ping:
        await client.ping()


@KINDS
async def test_the_client_says_goodbye(client: Client, town: Town, kind: str) -> None:
    await client.open(town.room(kind), [])
    assert await client.next() == ["open", ""]
    await client.close(4001, "enough, dös langt")
    assert await town.closed() == [4001, "enough, dös langt", True]


@KINDS
async def test_the_server_says_goodbye(client: Client, town: Town, kind: str) -> None:
    await client.open(town.room(kind), [])
    assert await client.next() == ["open", ""]
    await client.send("close 4002 away with dönn")
    assert await client.next() == ["close", 4002, "away with dönn"]
    # RFC 6455, section 5.5.1: the answer "typically" has the same code. aiohttp's has 1000.
    code, _, was_clean = await town.closed()
    assert (code in {4002, 1000}, was_clean) == (True, True)
    if client.reconnects:
        assert await client.next() == ["open", ""]


@KINDS
async def test_a_client_is_back_after_the_server_was_started_again(
    client: Client, town: Town, kind: str
) -> None:
    await client.open(town.room(kind), [])
    assert await client.next() == ["open", ""]
    await client.send("who")
    assert await client.next() == ["text", "instance 1"]
    port = town.server.port
    await town.stop()
    assert await client.next() == ["close", 1001, "the server is going away"]
    await town.start(port)
    if client.reconnects:
        # Until then nobody listens, and each try is told of as a socket that closed.
        while (event := await client.next())[0] != "open":
            assert event[0] == "close"
    else:
        await client.open(town.room(kind), [])
        assert await client.next() == ["open", ""]
    await client.send("who")
    assert await client.next() == ["text", "instance 2"]


async def test_an_actor_out_of_memory_is_woken_by_a_message(
    client: Client, town: Town, evicted: Callable[[], Awaitable[object]]
) -> None:
    await client.open(town.room("hibernating"), [])
    assert await client.next() == ["open", ""]
    await evicted()
    await client.send("who")
    kind, said = await client.next()
    assert kind == "text"
    instance, _, number = said.partition(" ")
    # More than one, if it left memory again before it was asked.
    assert (instance, int(number) > 1) == ("instance", True)


async def test_a_client_answers_pings_while_the_actor_is_out_of_memory(
    client: Client, town: Town, evicted: Callable[[], Awaitable[object]]
) -> None:
    await client.open(town.room("hibernating"), [])
    assert await client.next() == ["open", ""]
    round_trip = "None"
    while round_trip == "None":  # it was silent for too short a time
        await evicted()
        await client.send("round-trip")
        kind, round_trip = await client.next()
        assert kind == "text"
    assert float(round_trip) < 30
