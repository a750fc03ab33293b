"""The client's address: nobody chooses their own."""

import aiohttp
import pytest

from perdure.runtime.config.networks import Networks
from perdure.runtime.edge.client_address import (
    client_address,
    comes_from_proxy,
    forwarded_address,
    normal_address,
)
from tests.wire import Wire

TRUSTED = Networks(["10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        pytest.param([], "10.0.0.1", id="the proxy says nothing"),
        pytest.param(["203.0.113.7"], "203.0.113.7", id="one proxy"),
        pytest.param(["203.0.113.7, 10.0.0.2"], "203.0.113.7", id="two proxies"),
        pytest.param(["203.0.113.7", "10.0.0.2"], "203.0.113.7", id="a field each"),
        pytest.param(["1.1.1.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7", id="made up at the left"),
        pytest.param(["10.9.9.9, 10.0.0.2"], "10.9.9.9", id="a client from inside"),
        pytest.param(["203.0.113.7:5000"], "203.0.113.7", id="with a port"),
        pytest.param(["[2001:db9::7]:5000"], "2001:db9::7", id="IPv6 with a port"),
        pytest.param(["2001:DB9:0::7"], "2001:db9::7", id="IPv6 in another spelling"),
        pytest.param(["::ffff:203.0.113.7"], "203.0.113.7", id="mapped"),
        pytest.param(["203.0.113.7, unknown"], "10.0.0.1", id="a proxy that does not tell"),
        pytest.param(["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2", id="farther away"),
        pytest.param(["", "203.0.113.7"], "203.0.113.7", id="an empty field at the left"),
        pytest.param(["203.0.113.7,"], "10.0.0.1", id="an empty item at the right"),
        pytest.param(["10.0.0.2, 2001:db8::5"], "10.0.0.2", id="both versions"),
    ],
)
def test_the_list_is_read_from_the_right_over_trusted_proxies(
    fields: list[str], client: str
) -> None:
    assert forwarded_address("10.0.0.1", fields, TRUSTED) == client


@pytest.mark.parametrize(("text", "normal"), [("::1", "::1"), ("0:0::1", "::1"), ("x", "")])
def test_an_address_is_written_in_one_way(text: str, normal: str) -> None:
    assert normal_address(text) == normal


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [([], ["127.0.0.1", False]), (["127.0.0.1"], ["203.0.113.7", True])],
)
async def test_only_a_trusted_peer_is_believed(trusted: list[str], seen: list[object]) -> None:
    heard: list[object] = []
    networks = Networks(trusted)

    async def handle(request: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        heard.extend([client_address(request, networks), comes_from_proxy(request, networks)])
        return aiohttp.web.Response()

    runner = aiohttp.web.ServerRunner(aiohttp.web.Server(handle))
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with await Wire.connect(f"http://127.0.0.1:{port}") as wire:
        wire.say("GET / HTTP/1.1", "Host: a", "X-Forwarded-For: 203.0.113.7")
        assert (await wire.answer()).status == 200
    await runner.cleanup()
    assert heard == seen
