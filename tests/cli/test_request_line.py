"""A line says what was asked, what was answered, and how long that took."""

import pytest

from perdure.cli.request_line import request_line
from perdure.runtime.edge.request_record import RequestRecord


def line(status: int = 200, path: str = "/", duration_s: float = 0.0) -> str:
    text = request_line(RequestRecord("GET", path, status, duration_s)).plain
    clock, _, rest = text.partition(" ")
    assert len(clock.split(":")) == 3
    return rest


@pytest.mark.parametrize(
    ("duration_s", "shown"),
    [(0.00042, "0.4 ms"), (0.00949, "9.5 ms"), (0.01049, "10 ms"), (2.5, "2500 ms")],
)
def test_short_times_have_a_decimal(duration_s: float, shown: str) -> None:
    assert line(duration_s=duration_s) == f"GET / 200 OK {shown}"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (101, "101 Switching Protocols"),
        (404, "404 Not Found"),
        (499, "499 Client Gone"),
        (599, "599"),
    ],
)
def test_a_status_has_its_words_when_there_are_some(status: int, shown: str) -> None:
    assert line(status) == f"GET / {shown} 0.0 ms"


@pytest.mark.parametrize(
    ("status", "style"),
    [(101, "cyan"), (204, "green"), (302, "cyan"), (404, "yellow"), (500, "bold red"), (999, "")],
)
def test_the_colour_tells_how_it_went(status: int, style: str) -> None:
    text = request_line(RequestRecord("GET", "/", status, 0.0))
    styles = {text.plain[s.start : s.end].partition(" ")[0]: s.style for s in text.spans}
    assert styles.get(str(status), "") == style


def test_a_path_cannot_play_with_the_terminal() -> None:
    assert line(path="/\x1b[2J\x9b") == r"GET /\x1b[2J\x9b 200 OK 0.0 ms"
