"""What of the machine's system is seen inside."""

import sys
from pathlib import Path

from perdure.runtime.sandbox.wall.options import Network
from perdure.runtime.sandbox.wall.system_folders import files_of_etc, find_system

SECRETS = ("/etc/shadow", "/etc/ssh", "/etc/ssl/private", "/root", "/home", "/var", "/etc", "/")


def test_no_secret_is_among_it() -> None:
    system = find_system()
    assert set(SECRETS).isdisjoint(system.folders)
    assert not any(Path(path).is_relative_to("/etc/ssl/private") for path in system.folders)


def test_all_of_it_is_there() -> None:
    system = find_system()
    assert all(Path(path).exists() for path in (*system.folders, *system.hidden))
    assert all(str(Path(path).readlink()) == to for path, to in system.links.items())


def test_python_is_seen_wherever_it_is() -> None:
    system = find_system()
    prefix = Path(sys.base_prefix)
    assert any(prefix.is_relative_to(path) for path in (*system.folders, *system.private))


def test_names_are_looked_up_only_where_there_is_a_network() -> None:
    assert files_of_etc(Network.NONE, 1000)["/etc/resolv.conf"] == ""
    assert "10.0.2.3" in files_of_etc(Network.OUTBOUND, 1000)["/etc/resolv.conf"]
    own = Path("/etc/resolv.conf")
    if own.exists():
        assert files_of_etc(Network.HOST, 1000)["/etc/resolv.conf"] == own.read_text()


def test_nobody_inside_has_a_name_of_outside() -> None:
    names = [line.split(":")[0] for line in files_of_etc(Network.NONE, 1000)["/etc/passwd"].split()]
    assert names == ["root", "sandbox", "nobody"]
