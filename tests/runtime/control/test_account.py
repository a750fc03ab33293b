"""Counters of processes that come and go."""

from perdure.runtime.control.account import Account, total
from perdure.runtime.control.families import COUNTER, GAUGE, MAX, MIN, SUM, Family, single


def counted(value: float) -> Family:
    return single("requests", "Requests.", value, COUNTER)


def values(families: list[Family]) -> dict[str, float]:
    return {family.name: family.series[()][0] for family in families}


def test_the_same_series_of_two_processes_is_one() -> None:
    one = Family("requests", COUNTER, "Requests.", ("status",), SUM, {("2xx",): (1,)})
    other = Family("requests", COUNTER, "R.", ("status",), SUM, {("2xx",): (2,), ("5xx",): (3,)})
    [whole] = total([[one], [other]])
    assert whole.series == {("2xx",): (3,), ("5xx",): (3,)}
    assert one.series == {("2xx",): (1,)}, "what was read is not written"


def test_what_is_the_same_for_all_is_not_added() -> None:
    def told(value: float) -> list[Family]:
        return [single("worst", "", value, merge=MAX), single("free", "", value, merge=MIN)]

    assert values(total([told(2), told(5)])) == {"worst": 5, "free": 2}


def test_histograms_are_added_bucket_by_bucket() -> None:
    one, other = (
        Family("waits", "histogram", "", (), SUM, {(): numbers})
        for numbers in ((1.0, 2.0, 0.5), (0.0, 4.0, 0.25))
    )
    assert total([[one], [other]])[0].series == {(): (1.0, 6.0, 0.75)}


def test_a_counter_never_goes_back() -> None:
    account: Account[str] = Account()
    account.heard({"first": [counted(5)], "other": [counted(1)]}, {"first", "other"})
    assert values(account.total()) == {"requests": 6}
    account.heard({"other": [counted(2)]}, {"first", "other"})
    assert values(account.total()) == {"requests": 7}, "it is silent"
    account.heard({"second": [counted(1)], "other": [counted(2)]}, {"second", "other"})
    assert values(account.total()) == {"requests": 8}
    account.heard({}, {"other"})
    account.heard({}, {"other"})
    assert values(account.total()) == {"requests": 8}


def test_what_there_was_is_not_what_there_is() -> None:
    account: Account[str] = Account()
    account.heard({"first": [single("actors", "", 5), counted(1)]}, {"first"})
    account.heard({"second": [single("actors", "", 2)]}, {"second"})
    assert values(account.total()) == {"requests": 1, "actors": 2}
    assert {family.kind for family in account.total()} == {COUNTER, GAUGE}


def test_one_that_speaks_and_is_gone_has_been_heard() -> None:
    account: Account[str] = Account()
    account.heard({"first": [counted(5)]}, set())
    assert values(account.total()) == {"requests": 5}
