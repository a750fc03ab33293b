import socket
from pathlib import Path

import pytest

from perdure.runtime.sandbox.addresses import SIZE_BYTES_MAX, socket_address


@pytest.mark.parametrize("folder", ["short", "long" * 40])
def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with socket_address(place, "x.sock") as address:
            assert len(address) <= SIZE_BYTES_MAX
            server.bind(address)
        server.listen()
        with socket_address(place, "x.sock") as address:
            client.connect(address)
    assert (place / "x.sock").exists()
