"""Moments as people write them."""

import pytest

from perdure.cli.moments import parse_moment

NOW_MS = 1_795_262_671_250


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("10 min ago", 600), ("2h", 7200), (" 3d ", 259_200)],
)
def test_how_long_ago(text: str, seconds: int) -> None:
    assert parse_moment(text, NOW_MS) == NOW_MS - seconds * 1000


@pytest.mark.parametrize(
    "text", ["2026-11-21T12:04:31.250Z", "2026-11-21 13:04:31.250+01:00", "20261121T120431.250Z"]
)
def test_a_time_with_a_zone(text: str) -> None:
    assert parse_moment(text, NOW_MS) == NOW_MS


def test_a_time_without_a_zone_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Etc/GMT-1")
    time.tzset()
    try:
        assert parse_moment("2026-11-21 13:04:31.250", NOW_MS) == NOW_MS
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_bookmark_is_no_moment() -> None:
    assert parse_moment("00000001-000000000000012a-5f3a91c2", NOW_MS) is None
    assert parse_moment("yesterday", NOW_MS) is None
