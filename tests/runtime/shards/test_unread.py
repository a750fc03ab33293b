"""Bodies that may be sent a second time."""

import pytest

from perdure.actors.http import Request
from perdure.runtime.shards.unread import UnreadBody, UnreadRequest

LOST = ConnectionError("its worker is gone")


class Source:
    """A client's body; it knows who has let go of it."""

    def __init__(self) -> None:
        self.chunks = [b"one", b"two", b""]
        self.cancelled: list[BaseException | None] = []

    async def read_chunk(self) -> bytes:
        return self.chunks.pop(0)

    def cancel(self, reason: BaseException | None = None) -> None:
        self.cancelled.append(reason)


def request_with(source: Source) -> Request:
    request = Request.incoming("POST", "http://x/", Request("http://x/").header_fields(), source)
    request.resumed, request.redirect = True, "follow"
    return request


async def test_a_body_that_nobody_has_read_is_let_go_of_and_sent_again() -> None:
    source = Source()
    unread = UnreadRequest.of(request_with(source))
    assert unread is not None
    sent = unread.request.take_content()
    assert isinstance(sent, UnreadBody)
    sent.cancel(LOST)  # the worker that it was on its way to has gone
    again = unread.again()
    assert again is not None
    assert (again.method, again.resumed, again.redirect) == ("POST", True, "follow")
    assert await again.bytes() == b"onetwo"
    sent.cancel(LOST)
    assert source.cancelled == []


async def test_a_body_that_was_read_is_not_sent_again() -> None:
    source = Source()
    unread = UnreadRequest.of(request_with(source))
    assert unread is not None
    sent = unread.request.take_content()
    assert isinstance(sent, UnreadBody)
    assert await sent.read_chunk() == b"one"
    assert unread.again() is None
    sent.cancel(LOST)
    assert source.cancelled == [LOST]


@pytest.mark.parametrize("is_early", [True, False])
def test_what_is_not_sent_again_is_let_go_of_once(*, is_early: bool) -> None:
    source = Source()
    unread = UnreadRequest.of(request_with(source))
    assert unread is not None
    sent = unread.request.take_content()
    assert isinstance(sent, UnreadBody)
    if is_early:
        sent.cancel(LOST)
        unread.give_up()
    else:
        unread.give_up()
        sent.cancel(LOST)
    unread.give_up()
    assert source.cancelled == [LOST]


def test_other_requests_are_sent_again_as_they_are() -> None:
    assert UnreadRequest.of(Request("http://x/")) is None
    assert UnreadRequest.of(Request("http://x/", method="POST", body=b"whole")) is None
    used = request_with(Source())
    used.take_content()
    assert UnreadRequest.of(used) is None


def test_header_fields_that_may_be_changed_still_may_be() -> None:
    request = request_with(Source())
    request.make_mutable()
    unread = UnreadRequest.of(request)
    assert unread is not None
    assert not unread.request.is_immutable
    unread.request.headers.set("x-tried", "once")
    again = unread.again()
    assert again is not None
    assert again.headers.get("x-tried") == "once"
