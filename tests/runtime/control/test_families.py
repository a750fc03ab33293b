"""Families of series, as a process reads its counters into them."""

from perdure.actors.counters import BOUNDS_S, ActorCounters
from perdure.runtime.control.families import (
    COUNTER,
    HISTOGRAM,
    counter,
    of_firewall,
    of_gates,
    single,
)
from perdure.runtime.edge.firewall.firewall import FirewallStatistics, RuleStatistics


def test_a_label_tells_series_apart() -> None:
    family = counter("requests", "Requests.", "status", {"2xx": 1, "5xx": 2})
    assert (family.kind, family.labels) == (COUNTER, ("status",))
    assert family.series == {("2xx",): (1,), ("5xx",): (2,)}
    assert single("open", "Open.", 3).series == {(): (3,)}


def test_rules_of_one_name_and_action_are_counted_together() -> None:
    rules = [RuleStatistics("a", "deny", 2, 1, 0), RuleStatistics("a", "deny", 3, 3, 1)]
    hits, origins = of_firewall(FirewallStatistics(rules, origins_refused=4))
    assert hits.series == {
        ("a", "deny", "matched"): (5,),
        ("a", "deny", "refused"): (4,),
        ("a", "deny", "would_have"): (1,),
    }
    assert origins.series == {(): (4,)}


def test_durations_are_told_by_bucket_and_sum() -> None:
    counters = ActorCounters()
    counters.raised("app-Room", "fetch")
    counters.commits.add(0.002)
    counters.commits.add(100.0)
    families = {family.name: family for family in of_gates(counters)}
    assert families["handler_errors"].series == {("app-Room", "fetch"): (1,)}
    commits = families["commit_seconds"]
    [numbers] = commits.series.values()
    assert commits.kind == HISTOGRAM
    assert len(numbers) == len(BOUNDS_S) + 2
    assert (sum(numbers[:-1]), numbers[-2], numbers[-1]) == (2, 1, 100.002)
