"""The way out of a sandbox: there when asked for, to everywhere but this machine's loopback."""

import json
import shutil
import socket

import pytest

from perdure.runtime.sandbox.wall.outbound import find_slirp

from .conftest import PYTHON, Warden

CONNECT = """
import json, socket, sys
told = []
for address, port in json.loads(sys.argv[1]):
    try:
        with socket.create_connection((address, port), 5) as connection:
            told.append(connection.recv(100).decode())
    except OSError as error:
        told.append(type(error).__name__)
print(json.dumps([told, [name for _, name in socket.if_nameindex()]]))
"""


@pytest.fixture
def slirp() -> None:
    """Skip where there is no slirp4netns."""
    if shutil.which("slirp4netns") is None:
        pytest.skip("there is no slirp4netns here, to reach the world: apt-get install slirp4netns")


@pytest.mark.usefixtures("slirp")
def test_it_leads_to_the_world_and_not_to_this_machines_loopback(warden: Warden) -> None:
    port = warden.outside["port"]
    machine = warden.outside["address_of_machine"]
    if machine == "127.0.0.1":
        pytest.skip("there is no network here, to reach")
    asked = [[machine, port], ["127.0.0.1", port], ["10.0.2.2", port]]
    ran = warden.run(PYTHON, "-I", "-S", "-c", CONNECT, json.dumps(asked), network="outbound")
    assert ran.get("output"), ran
    told, interfaces = json.loads(ran["output"])
    assert told[0] == warden.canary
    assert warden.canary not in told[1:]
    assert interfaces == ["lo", "tap0"]


def test_without_it_there_is_loopback_only(warden: Warden) -> None:
    ran = warden.run(PYTHON, "-I", "-S", "-c", CONNECT, "[]")
    assert json.loads(ran["output"]) == [[], ["lo"]]


def test_the_machines_network_is_there_when_asked_for(warden: Warden) -> None:
    asked = [["127.0.0.1", warden.outside["port"]]]
    ran = warden.run(PYTHON, "-I", "-S", "-c", CONNECT, json.dumps(asked), network="host")
    assert ran.get("output"), ran
    told, interfaces = json.loads(ran["output"])
    assert told == [warden.canary]
    assert interfaces == [name for _, name in socket.if_nameindex()]


def test_where_it_is_not_installed_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Exception, match="apt-get install slirp4netns"):
        find_slirp()
