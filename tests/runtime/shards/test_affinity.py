"""Advice which worker to ask."""

from perdure.runtime.shards.affinity import Affinity


def test_who_has_answered_before_is_asked_again() -> None:
    affinity = Affinity()
    assert affinity.slot_for("http://x/room/a") is None
    affinity.learn("http://x/room/a", "1")
    assert affinity.slot_for("http://x/room/a") == "1"
    assert affinity.slot_for("http://x/room/b") is None
    affinity.learn("http://x/room/a", "0")
    assert affinity.slot_for("http://x/room/a") == "0"


def test_a_query_may_matter_or_not() -> None:
    affinity = Affinity()
    affinity.learn("http://x/ws?room=a", "1")
    affinity.learn("http://x/ws?room=b", "0")
    assert affinity.slot_for("http://x/ws?room=a") == "1"
    assert affinity.slot_for("http://x/ws?room=b") == "0"
    assert affinity.slot_for("http://x/ws?room=c") == "0", "as for the last one there"


def test_the_oldest_is_forgotten_first_and_long_addresses_at_once() -> None:
    affinity = Affinity(addresses_max=2)
    for name in "abc":
        affinity.learn(f"http://x/{name}", "1")
    affinity.learn("http://x/" + "x" * 300, "1")
    assert len(affinity) == 2
    assert [affinity.slot_for(f"http://x/{name}") for name in "abc"] == [None, "1", "1"]
