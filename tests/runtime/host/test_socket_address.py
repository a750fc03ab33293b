import socket
from pathlib import Path

import pytest

from perdure.runtime.host.socket_address import SIZE_BYTES_MAX, socket_address


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


def test_a_short_one_is_the_path_itself_and_a_long_one_is_good_for_a_while(tmp_path: Path) -> None:
    with socket_address(tmp_path, "x.sock") as address:
        assert address == str(tmp_path / "x.sock")
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with socket_address(deep, "x.sock") as address:
        Path(address).touch()
    assert (deep / "x.sock").exists()
    assert not Path(address).exists()
