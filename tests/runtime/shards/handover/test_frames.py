from hypothesis import given
from hypothesis import strategies as st
from msgpack import packb, unpackb
from multidict import CIMultiDict

from perdure.actors.http import Request
from perdure.runtime.shards.handover.frames import SOCKET, MovedSocket
from perdure.runtime.sockets.movable_socket import SocketState

MESSAGES = st.text() | st.binary()
STATES = st.builds(
    SocketState,
    inbound=st.binary(),
    waiting=st.lists(MESSAGES | st.tuples(st.text(), MESSAGES)),
    pong=st.none() | st.binary(),
    policy=st.sampled_from(["close", "latest"]),
    queue_size_bytes_max=st.none() | st.integers(1, 2**40),
    window_bits=st.none() | st.integers(9, 15),
    auto_response=st.none() | st.tuples(st.text(), st.text()),
    auto_response_time_ms=st.none() | st.integers(0, 2**50),
    round_trip_s=st.none() | st.floats(0, 10),
    dropped_messages=st.integers(0, 100),
)


@given(state=STATES)
def test_a_socket_comes_out_as_it_went_in(state: SocketState) -> None:
    request = Request.incoming(
        "GET", "http://a/b?c", CIMultiDict([("A", "1"), ("a", "2")]), None, "::1"
    )
    moved = MovedSocket("1", 7, 3, 99, state, [[1, []], None, "replay"], request)
    frame = unpackb(packb(moved.frame(5)))
    assert frame[:2] == [SOCKET, 5]
    again = MovedSocket.of(frame)
    assert again.state == state
    assert (again.slot, again.generation, again.router_generation, again.session) == ("1", 7, 3, 99)
    assert again.held == moved.held
    assert again.request is not None
    assert (again.request.method, again.request.url) == ("GET", "http://a/b?c")
    assert list(again.request.header_fields().items()) == [("A", "1"), ("a", "2")]
    assert again.request.client_address == "::1"


def test_one_that_nobody_can_ask_for_again_has_no_request() -> None:
    state = SocketState(b"", [], None, "close", None, None, None, None, None, 0)
    moved = MovedSocket("0", 1, 2, 3, state, [], None)
    assert MovedSocket.of(moved.frame(1)).request is None
