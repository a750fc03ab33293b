"""How two processes begin a link."""

import asyncio
import os
import socket

import pytest

from perdure.runtime.shards.link import opening
from perdure.runtime.shards.link.errors import LinkEnded
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.opening import open_link
from tests.runtime.shards.link.ends import A_ROUTER, A_WORKER, joined
from tests.world import turns


async def test_both_ends_can_see_what_the_other_has_begun() -> None:
    async with joined() as (one, other):
        one.mark_begun(3)
        other.mark_begun(9)
        gone = LinkEnded("gone", is_peer_gone=True)
        assert (one.highest_begun(gone), other.highest_begun(gone)) == (9, 3)


async def test_one_end_waits_for_the_other() -> None:
    ours, theirs = socket.socketpair()
    one, other = Link(A_ROUTER), Link(A_WORKER)
    task = asyncio.ensure_future(open_link(one, ours))
    await turns()
    assert not task.done()
    await open_link(other, theirs)
    await task
    one.close("done")
    other.close("done")
    await turns()


async def test_a_process_that_goes_before_it_says_anything_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(LinkEnded, match="gone") as caught:
        await open_link(Link(A_ROUTER), ours)
    assert caught.value.is_peer_gone
    assert ours.fileno() == -1


async def test_a_process_that_dies_while_it_is_waited_for_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    task = asyncio.ensure_future(open_link(Link(A_ROUTER), ours))
    await turns()
    theirs.close()
    with pytest.raises(LinkEnded, match="gone") as caught:
        await task
    assert caught.value.is_peer_gone
    assert ours.fileno() == -1


@pytest.mark.parametrize(("byte", "count"), [(b"\x01", 0), (b"\x01", 1), (b"\x02", 2)])
async def test_something_else_that_comes_first_is_an_error(byte: bytes, count: int) -> None:
    """The right byte with too few descriptors, or another byte with two."""
    ours, theirs = socket.socketpair()
    with open(os.devnull) as file:
        descriptors = [file.fileno()] * count
        socket.send_fds(theirs, [byte], descriptors)
    with pytest.raises(LinkEnded, match="no beginning"):
        await open_link(Link(A_ROUTER), ours)
    assert ours.fileno() == -1
    theirs.close()


async def test_a_socket_is_closed_when_nobody_waits_for_it_any_more() -> None:
    ours, theirs = socket.socketpair()
    task = asyncio.ensure_future(open_link(Link(A_ROUTER), ours))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ours.fileno() == -1
    theirs.close()


async def test_no_descriptors_are_left_behind() -> None:
    async with joined():
        pass
    await turns()
    before = len(os.listdir("/dev/fd"))
    async with joined():
        assert len(os.listdir("/dev/fd")) > before
    await turns()
    assert len(os.listdir("/dev/fd")) == before


async def test_a_connection_that_cannot_be_made_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(link: Link, sock: socket.socket) -> None:
        raise OSError("no more connections")

    monkeypatch.setattr(opening, "connect_link", fail)
    ours, theirs = socket.socketpair()
    link, other = Link(A_ROUTER), Link(A_WORKER)
    both = [open_link(link, ours), open_link(other, theirs)]
    for failed in await asyncio.gather(*both, return_exceptions=True):
        assert isinstance(failed, OSError)
    assert ours.fileno() == theirs.fileno() == -1
    assert str(link.ended) == "it could not be opened: no more connections"
