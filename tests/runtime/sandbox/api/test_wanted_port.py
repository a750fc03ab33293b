"""What is waited for at a port."""

from typing import Any

import pytest

from perdure.runtime.sandbox.api.wanted_port import WantedPort
from perdure.runtime.sandbox.errors import SandboxInvalid


@pytest.mark.parametrize(
    ("status", "fine", "wrong", "told"),
    [
        ((200, 399), [200, 302, 399], [199, 400], "200 to 399"),
        ([500, 599], [500], [200], "500 to 599"),
        (204, [204], [200, 205], "204"),
    ],
)
def test_the_answers_that_count(status: Any, fine: list[int], wrong: list[int], told: str) -> None:
    wanted = WantedPort(8080, "http", "/a", status, 0.5)
    assert wanted.found() == "Nothing answers at port 8080"
    assert all(wanted.answered(each) for each in fine)
    assert not any(wanted.answered(each) for each in wrong)
    assert wanted.found() == f"http://localhost:8080/a has answered {wrong[-1]}, and not {told},"


def test_a_path_needs_no_slash() -> None:
    urls = [WantedPort(1, "tcp", path, 200, 1).url for path in ("a", "/a", "", "/")]
    assert urls == ["http://localhost:1/a"] * 2 + ["http://localhost:1/"] * 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"port": 0}, "port is 1 to 65,535"),
        ({"port": 65_536}, "port is"),
        ({"port": "8080"}, "port is"),
        ({"port": True}, "port is"),
        ({"mode": "udp"}, "mode is"),
        ({"path": None}, "path is text"),
        ({"status": "200"}, "status is"),
        ({"status": (300, 200)}, "status is"),
        ({"status": (200,)}, "status is"),
        ({"status": None}, "status is"),
        ({"interval_s": 0}, "interval is"),
        ({"interval_s": "1"}, "interval is"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(change: dict[str, Any], why: str) -> None:
    given: dict[str, Any] = {
        "port": 8080,
        "mode": "http",
        "path": "/",
        "status": 200,
        "interval_s": 1,
    }
    with pytest.raises(SandboxInvalid, match=why):
        WantedPort(**{**given, **change})
