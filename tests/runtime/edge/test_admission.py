"""Connections that are too many are told so, and everything is counted back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from perdure.runtime.config.networks import Networks
from perdure.runtime.edge.admission import (
    TOO_MANY,
    TOO_MANY_OF_ADDRESS,
    Admission,
    connections_possible,
)
from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import TEXT, Wire, close_frame, frame

MAIN = """
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        def fetch(self, request):
            if not request.is_upgrade:
                return Response("hello")
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send(event.data)
            return Response(None, status=101, web_socket=client)
"""


def test_counts_are_given_back() -> None:
    admission = Admission(3, 2, Networks(["10.0.0.0/8"]))
    assert [admission.admit(n, "192.0.2.1") for n in range(3)] == [None, None, TOO_MANY_OF_ADDRESS]
    assert admission.admit(3, "10.0.0.1") is None
    assert admission.admit(4, "192.0.2.2") is TOO_MANY
    admission.release(3)
    admission.pass_on(0, "heir")
    admission.release("heir")
    assert [admission.admit(n, "192.0.2.1") for n in (5, 6)] == [None, TOO_MANY_OF_ADDRESS]
    for holder in (1, 5):
        admission.release(holder)
    seen = admission.statistics()
    assert (seen.open, seen.refused, seen.refused_of_address) == (0, 1, 2)
    assert (admission._by_address, admission._addresses) == ({}, {})


def test_nothing_is_kept_of_addresses_that_have_no_limit() -> None:
    admission = Admission(3, 3, Networks())
    assert [admission.admit(n, "192.0.2.1") for n in range(4)] == [None, None, None, TOO_MANY]
    assert admission._addresses == {}


@pytest.mark.parametrize(
    ("allowed", "possible"), [(20_000, 5_000), (4_096, 3_096), (1_024, 512), (-1, 5_000)]
)
def test_there_are_no_more_connections_than_descriptors(
    monkeypatch: pytest.MonkeyPatch, allowed: int, possible: int
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (allowed, allowed))
    assert connections_possible(5_000) == possible


@asynccontextmanager
async def connected(server: Server, count: int) -> AsyncIterator[list[Wire]]:
    """So many connections, each of which has been served."""
    async with AsyncExitStack() as stack:
        wires = [
            await stack.enter_async_context(await Wire.connect(server.url)) for _ in range(count)
        ]
        for wire in wires:
            wire.say("GET / HTTP/1.1", "Host: a")
            assert (await wire.answer()).status == 200
        yield wires


async def until_open(server: Server, count: int) -> None:
    async with asyncio.timeout(30):
        while server.edge_statistics().connections.open != count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("limit", "status"), [("connections_max", 503), ("connections_per_address_max", 429)]
)
async def test_one_too_many_is_answered_and_closed(serve: Serving, limit: str, status: int) -> None:
    server = await serve(MAIN, limits={limit: 2})
    async with connected(server, 2):
        for said in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 100_000):
            async with await Wire.connect(server.url) as refused:
                refused.send(said)
                answer = await refused.answer()
                assert answer.status == status
                assert answer.get("Retry-After") == "1"
                assert answer.get("Connection") == "close"
                assert await refused.rest() == b""
    await until_open(server, 0)
    async with connected(server, 2):
        seen = server.edge_statistics().connections
    assert (seen.refused + seen.refused_of_address, seen.open) == (3, 2)


@pytest.mark.parametrize("limit", ["connections_max", "connections_per_address_max"])
async def test_a_websocket_counts_until_its_end(serve: Serving, limit: str) -> None:
    server = await serve(MAIN, limits={limit: 1})
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade("/", glued=frame(TEXT, "a"))).status == 101
        assert await wire.text() == "a"
        async with await Wire.connect(server.url) as refused:
            assert (await refused.answer()).status in {429, 503}
        assert server.edge_statistics().connections.open == 1
        wire.send(close_frame(1000))
        assert await wire.close_frame() == (1000, "")
    await until_open(server, 0)
    async with connected(server, 1):
        pass


async def test_trusted_proxies_may_have_any_number(serve: Serving) -> None:
    server = await serve(
        MAIN,
        limits={"connections_per_address_max": 1},
        toml='[perdure]\ntrusted_proxies = ["127.0.0.1"]',
    )
    async with connected(server, 5):
        assert server.edge_statistics().connections.open == 5


async def test_those_who_do_not_leave_are_cut_off(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.edge.admission.LEAVES_S", 0.05)
    server = await serve(MAIN, limits={"connections_max": 1})
    async with connected(server, 1), await Wire.connect(server.url) as refused:
        assert (await refused.answer()).status == 503
        async with asyncio.timeout(30):
            while server._front_side.front.admission._leaving:
                await asyncio.sleep(0.001)


async def test_very_many_are_cut_off_without_a_word(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.edge.admission.LEAVING_MAX", 3)
    monkeypatch.setattr("perdure.runtime.edge.admission.LEAVES_S", 60.0)
    server = await serve(MAIN, limits={"connections_max": 1})
    async with connected(server, 1), AsyncExitStack() as stack:
        for _ in range(3):
            refused = await stack.enter_async_context(await Wire.connect(server.url))
            assert (await refused.head()).status == 503
        async with await Wire.connect(server.url) as more:
            assert await more.rest() == b""
