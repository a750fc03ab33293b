"""What a cloud hands out to its machines is not for their sandboxes."""

import errno
import json
import shutil

import pytest

from perdure.runtime.sandbox.wall.routes import UNREACHABLE, close_routes, unreachable

from .conftest import PYTHON, Warden

CONNECT = """
import json, socket, sys
told = []
for address in json.loads(sys.argv[1]):
    with socket.socket() as connection:
        connection.settimeout(5)
        told.append(connection.connect_ex((address, 80)))
print(json.dumps(told))
"""


def test_a_clouds_services_for_its_machines_are_not_reached(warden: Warden) -> None:
    if shutil.which("slirp4netns") is None:
        pytest.skip("there is no slirp4netns here, to reach the world: apt-get install slirp4netns")
    asked = json.dumps(["169.254.169.254", *(address for address, _ in UNREACHABLE)])
    ran = warden.run(PYTHON, "-I", "-S", "-c", CONNECT, asked, network="outbound")
    assert set(json.loads(ran["output"])) == {errno.EHOSTUNREACH}, ran


def test_a_message_to_the_kernel_says_its_length() -> None:
    message = unreachable("169.254.0.0", 16, 1)
    assert int.from_bytes(message[:4], "little" if message[0] else "big") == len(message)
    assert message.endswith(bytes([169, 254, 0, 0]))


def test_where_it_cannot_be_done_it_is_raised() -> None:
    with open("/dev/null") as null, pytest.raises(OSError, match="routes that lead nowhere"):
        close_routes(null.fileno(), null.fileno())
