import pytest

from perdure.runtime.sandbox.agent.places import Places
from perdure.runtime.sandbox.streams import Refused


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("file", "/data/ws/file"),
        ("a/../b", "/data/ws/a/../b"),
        ("/workspace", "/data/ws"),
        ("/workspace/", "/data/ws"),
        ("/workspace/a/b", "/data/ws/a/b"),
        ("/workspaces/a", "/workspaces/a"),
        ("/etc/hosts", "/etc/hosts"),
        (".", "/data/ws"),
        ("./a//b/./c", "/data/ws/a/b/c"),
        ("a/", "/data/ws/a/"),
        ("a/.", "/data/ws/a/"),
        ("./..", "/data/ws/.."),
        ("/workspace/.", "/data/ws"),
        ("/./etc//hosts", "/etc/hosts"),
        ("/", "/"),
        (" a", "/data/ws/ a"),
    ],
)
def test_a_path_leads_somewhere(path: str, real: str) -> None:
    assert Places("/data/ws").real(path) == real


@pytest.mark.parametrize(
    ("real", "shown"),
    [
        ("/data/ws", "/workspace"),
        ("/data/ws/a", "/workspace/a"),
        ("/data/wso/a", "/data/wso/a"),
        ("/etc", "/etc"),
    ],
)
def test_requests_know_it_by_another_name(real: str, shown: str) -> None:
    assert Places("/data/ws").shown(real) == shown
    assert Places("/workspace").shown("/workspace/a") == "/workspace/a"


@pytest.mark.parametrize("path", [None, "", 5, "a\0b"])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(Refused):
        Places("/data/ws").path({"path": path})
    assert Places("/data/ws").path({}, "path", "") == "/data/ws"
