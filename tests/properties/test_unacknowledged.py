"""Whatever processes die when, what a client has said is handled at least once, and in order."""

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.shards.sockets.unacknowledged import Unacknowledged

# What happens next: the client says something, a process dies and another takes over, or the
# present one acknowledges one of those it has in hand.
STEPS = st.lists(st.one_of(st.just("say"), st.just("die"), st.integers(0, 50)), max_size=60)


@given(STEPS)
def test_nothing_is_lost_and_nothing_acknowledged_comes_again(steps: list[str | int]) -> None:
    kept = Unacknowledged()
    in_hand: list[int] = []
    heard: dict[int, int] = {}  # how many processes have had a message
    acknowledged: set[int] = set()
    said: list[int] = []

    def take() -> None:
        before = max(in_hand, default=0)
        for number, message, is_redelivered in list(kept.undelivered()):
            assert message == str(number)
            assert number > before, "in the order in which it was said"
            assert number not in acknowledged
            assert is_redelivered == (number in heard)
            kept.delivered(number)
            in_hand.append(number)
            heard[number] = heard.get(number, 0) + 1
            before = number

    for step in steps:
        if step == "say":
            number = kept.add(str(len(said) + 1))
            said.append(number)
            take()
        elif step == "die":
            worst = max((heard[number] for number in in_hand), default=0)
            assert kept.process_ended(is_death=True) == worst
            in_hand.clear()
            take()
        elif in_hand:
            number = in_hand.pop(int(step) % len(in_hand))
            assert kept.acknowledge(number)
            acknowledged.add(number)
        assert len(kept) == len(said) - len(acknowledged)
        assert kept.size_bytes == sum(len(str(n)) for n in said if n not in acknowledged)
    assert set(heard) == set(said)
    assert sorted(in_hand) == [number for number in said if number not in acknowledged]
