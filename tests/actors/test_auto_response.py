"""What a socket answers by itself."""

import pytest

from perdure.actors.auto_response import WebSocketRequestResponsePair
from perdure.actors.errors import SocketLimitExceeded
from perdure.storage.errors import UsageError


def test_a_pair_is_its_two_texts() -> None:
    pair = WebSocketRequestResponsePair("ping", "pong")
    assert (pair.request, pair.response) == ("ping", "pong")
    assert pair == WebSocketRequestResponsePair("ping", "pong")
    assert pair != WebSocketRequestResponsePair("ping", "ping")
    assert pair != ("ping", "pong")
    assert len({pair, WebSocketRequestResponsePair("ping", "pong")}) == 1
    assert repr(pair) == "WebSocketRequestResponsePair('ping', 'pong')"


def test_each_may_have_2048_bytes() -> None:
    WebSocketRequestResponsePair("x" * 2048, "ü" * 1024)
    text = "Request cannot be larger than 2048 bytes. A request of size 2049 was provided."
    with pytest.raises(SocketLimitExceeded) as raised:
        WebSocketRequestResponsePair("x" * 2049, "")
    assert str(raised.value) == text
    with pytest.raises(SocketLimitExceeded, match="A response of size 2050 was provided"):
        WebSocketRequestResponsePair("", "ü" * 1025)


def test_both_are_text() -> None:
    with pytest.raises(UsageError, match="request is a string, not bytes"):
        WebSocketRequestResponsePair(b"ping", "pong")  # type: ignore[arg-type]  # tested
