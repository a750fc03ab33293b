import math

import pytest

from perdure.runtime.config.durations import seconds_of


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("10m", 600), ("1h", 3600), ("90", 90), (90, 90), (0.5, 0.5)],
)
def test_a_length_of_time_is_in_seconds(written: object, seconds: float) -> None:
    assert seconds_of(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "m", "10 m", "-1s", "1d", "0s", 0, -1, math.inf, math.nan, True, None, ["1s"]]
)
def test_what_is_none_is_told_apart(written: object) -> None:
    assert seconds_of(written) is None
