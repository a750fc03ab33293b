"""Each of wrangler's keys is in one list."""

from collections import Counter

from perdure.runtime.config.keys import ENVIRONMENT, TOP_LEVEL


def test_no_key_is_listed_twice() -> None:
    assert [key for key, count in Counter(TOP_LEVEL).items() if count > 1] == []


def test_an_environment_has_no_key_that_the_top_level_lacks() -> None:
    assert set(ENVIRONMENT) < set(TOP_LEVEL)
    assert set(TOP_LEVEL) - set(ENVIRONMENT) >= {"env", "dev", "$schema"}
