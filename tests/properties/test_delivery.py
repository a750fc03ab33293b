"""Delivery policies beside models of a few lines: queues, and connections to peers that stall.

A model is what the documentation says, written without a thought for speed.
"""

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.delivery import (
    MESSAGE_SIZE_BYTES,
    QUEUES,
    Message,
    delivery_of,
    message_of,
    queue_of,
)
from perdure.runtime.sockets.joint import Sent
from tests.properties.examples import examples
from tests.runtime.slow import SlowPeer

POLICIES = sorted(QUEUES)
MESSAGES = st.one_of(st.text(max_size=8), st.binary(max_size=8), st.just("ä" * 200))
SENT = st.one_of(MESSAGES, st.tuples(st.sampled_from("abc"), MESSAGES))
# A number is to take so many bytes' worth of messages.
STEPS = st.lists(st.one_of(SENT, st.integers(0, 600)), max_size=60)


def size_of(sent: Sent) -> int:
    message = message_of(sent)
    raw = message.encode() if isinstance(message, str) else message
    return len(raw) + MESSAGE_SIZE_BYTES


class Model:
    """What waits, as a list."""

    def __init__(self, policy: str, size_max: float) -> None:
        self.policy = policy
        self.size_max = size_max
        self.waiting: list[Sent] = []
        self.dropped = 0

    def push(self, sent: Sent) -> bool:
        if self.policy == "latest" and isinstance(sent, tuple):
            older = [s for s in self.waiting if isinstance(s, tuple) and s[0] == sent[0]]
            self.waiting = [s for s in self.waiting if s not in older or not isinstance(s, tuple)]
            self.dropped += len(older)
        self.waiting.append(sent)
        if self.policy == "drop_oldest":
            while self.size > self.size_max and len(self.waiting) > 1:
                del self.waiting[0]
                self.dropped += 1
        elif self.policy != "relay" and self.size > self.size_max and len(self.waiting) > 1:
            del self.waiting[-1]
            return False
        return True

    @property
    def size(self) -> int:
        return sum(size_of(sent) for sent in self.waiting)

    def take(self, size: int) -> list[Message]:
        fitting = list(itertools.accumulate(size_of(sent) for sent in self.waiting))
        count = max(sum(total <= size for total in fitting), 1)
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        messages = [message_of(sent) for sent in taken]
        return list(arrays(messages)) if self.policy == "coalesce" else messages


def arrays(messages: Sequence[Message]) -> Iterator[Message]:
    for kind, run in itertools.groupby(messages, type):
        if kind is str:
            yield json.dumps(list(run), ensure_ascii=False, separators=(",", ":"))
        else:
            yield from run


@pytest.mark.parametrize("policy", POLICIES)
@given(steps=STEPS, size_max=st.integers(1, 1000))
@examples(100)
def test_a_queue_does_as_its_model(policy: str, steps: list[Sent | int], size_max: int) -> None:
    queue, model = queue_of(delivery_of(policy, size_max)), Model(policy, size_max)
    for step in steps:
        if isinstance(step, int):
            assert queue.take(step) == model.take(step)
        else:
            room = queue.push(step)
            assert room == model.push(step)
            if not room:
                break  # the socket is closed
        assert (len(queue), queue.size_bytes) == (len(model.waiting), model.size)
        assert queue.dropped == model.dropped
        assert queue.size_bytes <= size_max or len(queue) == 1 or policy == "relay"
    else:
        assert queue.take(10**9) == model.take(10**9)


# A connection: whole turns, a peer that reads so many bytes now and then, pings, and the end.

TURNS = st.lists(
    st.one_of(
        st.lists(SENT, min_size=1, max_size=5),
        st.lists(st.just("x" * 30_000), min_size=1, max_size=5),
        st.integers(0, 150_000),
        st.just("ping"),
    ),
    max_size=30,
)


@pytest.mark.parametrize("policy", POLICIES)
@given(turns=TURNS, size_max=st.integers(1, 200_000))
@examples(50)
def test_what_a_stalled_client_gets_is_what_its_policy_lets_through(
    policy: str, turns: list[list[Sent] | int | str], size_max: int
) -> None:
    async def run() -> None:
        peer = SlowPeer(policy, size_max)
        sent: list[Sent] = []
        for turn in turns:
            if isinstance(turn, int):
                peer.transport.reads(turn)
            elif isinstance(turn, str):
                peer.connection.on_ping(b"?")
            else:
                if not peer.connection._sent_close:
                    sent += turn
                peer.connection.transmit(turn)
        overflowed = any(heard[:2] == ("lost", 1013) for heard in peer.receiver.heard)
        peer.connection.transmit((), (1000, ""))
        peer.connection.data_received(b"\x88\x80\0\0\0\0")
        peer.transport.room = 0
        got = [heard for heard in peer.reads_all() if heard[:1] != ("pong",)]
        assert peer.transport.calls[-1:] == ["close"]
        assert [heard[:2] for heard in got[-1:]] == [("close", 1013 if overflowed else 1000)]
        check(policy, sent, got[:-1], peer.connection.dropped_messages, overflowed=overflowed)
        peer.end()

    asyncio.run(run())


def check(
    policy: str, sent: list[Sent], got: list[Message], dropped: int, *, overflowed: bool
) -> None:
    if policy == "coalesce":
        assert all(isinstance(json.loads(m), list) for m in got if isinstance(m, str))
        got = [m for each in got for m in (json.loads(each) if isinstance(each, str) else [each])]
    messages = [message_of(each) for each in sent]
    if overflowed:
        assert policy in {"close", "latest", "coalesce"}
    elif policy in {"drop_oldest", "latest"}:
        assert len(got) + dropped == len(messages)
        assert got[-1:] == messages[-1:], "the newest is never let go of"
    else:
        assert (got, dropped) == (messages, 0)
    if policy == "latest":
        unkeyed = [m for m in sent if not isinstance(m, tuple)]
        assert is_part(unkeyed, got) or overflowed
    assert is_part(got, messages), "in the order in which it was sent"


def is_part(part: Sequence[Message], whole: Sequence[Message]) -> bool:
    """Whether ``whole`` is ``part`` with more between."""
    rest = iter(whole)
    return all(any(each == other for other in rest) for each in part)
