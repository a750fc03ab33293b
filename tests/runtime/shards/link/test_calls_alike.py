"""Calls within one process and over a link: the same results, errors, copies and order.

Every test here runs both ways. ``test_calls.py`` has what only a link does.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.actors.body import BodyStream
from perdure.actors.errors import NoSuchMethod
from perdure.actors.http import Request, Response
from perdure.actors.http_errors import BodyAlreadyUsed, BodyTooLate, ImmutableHeaders
from perdure.actors.limits import ActorLimits
from perdure.actors.socket_pair import WebSocketPair
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.link.surface import Surface, surface
from tests.world import turns


@pytest.fixture(params=["one process", "a link"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Surface]:
    limits = ActorLimits(mailbox_events_max=50, rpc_message_size_bytes_max=3_000_000)
    async with surface(tmp_path, over_link=request.param == "a link", limits=limits) as found:
        yield found


class Teapot(Exception):
    """An error of user code.

    Attributes:
        size: How large.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"a pot of size {size}")


class Room(DurableObject):
    latest: "Room"
    seen: list[Any]

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.seen = []
        Room.latest = self

    async def echo(self, *args: Any, **kwargs: Any) -> Any:
        return [args, kwargs]

    async def keep(self, value: list[int]) -> None:
        value.append(99)
        self.seen.append(value)

    async def kept(self) -> list[Any]:
        return self.seen

    async def note(self, number: int) -> None:
        self.seen.append(number)

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def block(self) -> None:
        await self.ctx.block_concurrency_while(asyncio.Event().wait)

    async def who(self) -> tuple[str, str | None]:
        return str(self.ctx.id), self.ctx.id.name

    async def boil(self) -> None:
        raise Teapot(4)

    async def divide(self) -> float:
        return 1 / 0

    async def oddity(self) -> object:
        return object()

    async def plenty(self) -> bytes:
        return bytes(4_000_000)

    async def much(self, data: bytes) -> bytes:
        return data[::-1]

    async def abort(self) -> None:
        self.ctx.abort("it has to")

    async def cancelled(self) -> None:
        raise asyncio.CancelledError

    async def fetch(self, request: Request) -> Response:
        self.seen.append(request)
        answer: Response = await getattr(self, request.parsed_url.path.strip("/"))(request)
        return answer

    async def plain(self, request: Request) -> Response:
        facts = [request.method, request.url, request.client_address, request.redirect]
        fields = list(request.header_fields().items())
        body = (await request.bytes()).decode()
        return Response.json([facts, fields, body, request.resumed])

    async def fields(self, request: Request) -> Response:
        response = Response("hello", 418, status_text="I'm a teapot", headers={"X-One": "1"})
        response.headers.append("Set-Cookie", "a=1")
        response.headers.append("Set-Cookie", "b=2")
        response.headers.append("x-one", "2")
        return response

    async def mirror(self, request: Request) -> Response:
        return Response(request.body)

    async def upper(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            assert request.body is not None
            async for chunk in request.body:
                yield chunk.upper()

        return Response(chunks())

    async def ignore(self, request: Request) -> Response:
        return Response("not read")

    async def whole(self, request: Request) -> Response:
        data = await request.bytes()
        return Response(data, headers={"X-Length": str(len(data))})

    async def broken(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"one"
            raise Teapot(5)

        return Response(chunks())

    async def endless(self, request: Request) -> Response:
        for _ in range(5):  # so that it cannot have answered when the call returns
            await asyncio.sleep(0)

        async def chunks() -> AsyncIterator[bytes]:
            self.seen.append("begun")
            try:
                while True:
                    yield b"again"
            finally:
                self.seen.append("ended")

        return Response(chunks())

    async def upgrade(self, request: Request) -> Response:
        client, server = WebSocketPair()
        server.accept()
        server.send("welcome")
        return Response(None, 101, web_socket=client)

    async def change(self, request: Request) -> Response:
        request.headers.set("X-Mine", "changed")
        return Response(request.headers["X-Mine"])

    async def nothing(self, request: Request) -> Any:
        return None


async def raised(awaitable: Any) -> Exception:
    with pytest.raises(Exception) as caught:
        await awaitable
    return caught.value


async def test_arguments_and_results_are_copies_of_the_same_types(way: Surface) -> None:
    room = way.stub(Room)
    value = [
        1,
        2.5,
        "é\U0001f600",
        b"\0",
        None,
        True,
        (1, 2),
        {3},
        date(2020, 1, 2),
        Decimal("1.5"),
        2**80,
    ]
    args, kwargs = await room.echo(value, key={"a": [(), []]})
    assert list(args) == [value]
    assert [type(part) for part in args[0]] == [type(part) for part in value]
    assert kwargs == {"key": {"a": [(), []]}}


async def test_what_the_callee_does_to_its_arguments_is_not_seen(way: Surface) -> None:
    room = way.stub(Room)
    value = [1]
    await room.keep(value)
    value.append(2)
    assert value == [1, 2]
    assert await room.kept() == [[1, 99]]


async def test_the_actor_knows_its_name(way: Surface) -> None:
    room = way.stub(Room, "a name")
    assert await room.who() == (str(room.id), "a name")


async def test_events_arrive_in_the_order_in_which_they_were_sent(way: Surface) -> None:
    room = way.stub(Room)
    futures = []
    for number in range(30):
        futures.append(room.note(number))
        if number % 7 == 3:
            futures.append(room.fetch("http://x/ignore", method="POST", body=b"x" * number * 1000))
    await asyncio.gather(*futures)
    seen = Room.latest.seen
    order = [part if isinstance(part, int) else "fetch" for part in seen]
    assert order == [part for n in range(30) for part in ([n, "fetch"] if n % 7 == 3 else [n])]


@pytest.mark.parametrize(
    "method", ["boil", "divide", "oddity", "plenty", "abort", "cancelled", "missing", "_private"]
)
async def test_errors_are_the_same(tmp_path: Path, method: str) -> None:
    """Class, text, what it carries, flags, notes."""
    told: tuple[list[Any], list[Any]] = [], []
    for over_link in (False, True):
        limits = ActorLimits(rpc_message_size_bytes_max=3_000_000)
        root = tmp_path / str(over_link)
        root.mkdir()
        async with surface(root, over_link=over_link, limits=limits) as way:
            room = way.stub(Room)
            for _ in range(2):  # the second may find the stub broken
                told[over_link].append(describe(await raised(call(room, method))))
    assert len(told[0]) == 2
    assert told[0] == told[1]


async def call(room: Any, method: str) -> Any:
    return await getattr(room, method)()


def describe(error: Exception) -> dict[str, Any]:
    notes = [
        note.replace("/link/False", "").replace("/link/True", "")
        for note in getattr(error, "__notes__", [])
    ]
    flags = ("remote", "retryable", "overloaded", "durable_object_reset")
    return {
        "type": type(error),
        "text": str(error),
        "args": error.args,
        "carries": {k: v for k, v in vars(error).items() if k != "__notes__"},
        "flags": [getattr(error, flag, None) for flag in flags],
        "notes": notes,
    }


async def test_an_error_of_user_code_keeps_its_class_and_traceback(way: Surface) -> None:
    error: Any = await raised(way.stub(Room).boil())
    assert (type(error), error.size, error.remote) == (Teapot, 4, True)
    assert "raise Teapot(4)" in error.__notes__[0]
    assert type(await raised(way.stub(Room).missing())) is NoSuchMethod


async def test_calls_on_a_stub_whose_actor_was_reset_fail_until_there_is_a_new_one(
    way: Surface,
) -> None:
    room = way.stub(Room)
    await room.note(1)
    first = await raised(room.abort())
    assert str(await raised(room.kept())) == str(first)
    assert await way.stub(Room).kept() == []


async def test_too_many_events_are_refused(way: Surface) -> None:
    room = way.stub(Room)
    futures = [room.block(), *(room.wait() for _ in range(59))]
    done, waiting = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    await turns()
    refused = [future for future in futures if future.done()]
    assert {getattr(future.exception(), "overloaded", None) for future in refused} == {True}
    assert len(refused) >= 9
    del done, waiting
    way.world.close()
    await turns()
    for future in futures:
        if future.done():
            future.exception()


async def test_messages_of_megabytes_pass(way: Surface) -> None:
    data = bytes(range(256)) * 10_000
    assert await way.stub(Room).much(data) == data[::-1]


async def test_a_request_arrives_as_it_was_made(way: Surface) -> None:
    request = Request(
        "http://x/plain?q=%20é",
        method="POST",
        body="hällo",
        redirect="manual",
        headers=[("X-B", "1"), ("x-a", "2"), ("X-B", "3"), ("X-Raw", "caf\udce9")],
    )
    response = await way.stub(Room).fetch(request)
    facts, fields, body, resumed = await response.json()
    assert facts == ["POST", request.url, None, "manual"]
    assert fields == [list(pair) for pair in request.header_fields().items()]
    assert [name for name, _ in fields].count("X-B") == 2
    assert (body, resumed) == ("hällo", False)


async def test_a_response_arrives_as_it_was_made(way: Surface) -> None:
    response = await way.stub(Room).fetch("http://x/fields")
    assert (response.status, response.status_text, response.url) == (418, "I'm a teapot", "")
    assert not response.redirected
    assert list(response.header_fields().items()) == [
        ("X-One", "1"),
        ("Content-Type", "text/plain;charset=UTF-8"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("x-one", "2"),
    ]
    response.headers.set("X-More", "changed by the caller")
    assert await response.text() == "hello"


async def test_headers_can_be_changed_by_the_callee_unless_they_came_over_the_network(
    way: Surface,
) -> None:
    room = way.stub(Room)
    response = await room.fetch("http://x/change", headers={"X-Mine": "mine"})
    assert await response.text() == "changed"
    incoming = Request.incoming("GET", "http://x/change", Request("http://x").header_fields())
    assert type(await raised(room.fetch(incoming))) is ImmutableHeaders


@pytest.mark.parametrize("size", [0, 5, 70_000, 5_000_000])
async def test_bytes_stay_bytes_of_any_size(way: Surface, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    response = await way.stub(Room).fetch("http://x/whole", method="POST", body=data)
    assert response.headers["X-Length"] == str(size)
    assert response.content == data


async def test_no_body_stays_none(way: Surface) -> None:
    response = await way.stub(Room).fetch("http://x/mirror")
    assert response.content is None


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


@pytest.mark.parametrize("path", ["mirror", "upper"])
async def test_bodies_stream_both_ways_at_once(way: Surface, path: str) -> None:
    """The answer is made of the request's body, which goes on after the answer has begun."""
    response = await way.stub(Room).fetch(
        f"http://x/{path}", method="POST", body=pieces(b"ONE", b"TWO", b"THREE")
    )
    assert isinstance(response.body, BodyStream)
    assert [chunk async for chunk in response.body] == [b"ONE", b"TWO", b"THREE"]


async def test_a_body_from_an_actor_streams_through_another_one(way: Surface) -> None:
    """``stub.fetch`` within a handler has its body read in the caller's turns."""
    target = way.stub(Room)

    async def script(lab: Any) -> bytes:
        response = await target.fetch(
            "http://x/upper", method="POST", body=pieces(b"a", b"b" * 100_000, b"c")
        )
        data: bytes = await response.bytes()
        return data

    assert await way.world.inside(script) == b"A" + b"B" * 100_000 + b"C"


async def test_a_streaming_body_that_is_not_read_is_stopped_by_the_answer(way: Surface) -> None:
    target = way.stub(Room)
    begun, ended = [], []

    async def endless() -> AsyncIterator[bytes]:
        begun.append(True)
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def script(lab: Any) -> str:
        response = await target.fetch("http://x/ignore", method="POST", body=endless())
        text: str = await response.text()
        return text

    assert await way.world.inside(script) == "not read"
    await turns()
    assert begun == ended  # within one process the answer may come before anything was read


async def test_a_body_that_was_kept_is_gone_after_the_answer(way: Surface) -> None:
    target = way.stub(Room)

    async def script(lab: Any) -> None:
        await target.fetch("http://x/ignore", method="POST", body=pieces(*[b"x" * 50_000] * 100))

    await way.world.inside(script)
    [kept] = Room.latest.seen
    with pytest.raises(BodyTooLate):
        await kept.bytes()


async def test_the_callees_error_breaks_the_body_after_what_it_gave(way: Surface) -> None:
    response = await way.stub(Room).fetch("http://x/broken")
    assert await response.body.read_chunk() == b"one"
    error: Any = await raised(response.body.read_chunk())
    assert type(error) is Teapot
    assert error.size == 5


async def test_a_reader_that_wants_no_more_ends_the_callees_generator(way: Surface) -> None:
    response = await way.stub(Room).fetch("http://x/endless")
    assert await response.body.read_chunk() == b"again"
    response.body.cancel()
    instance = Room.latest
    await until(lambda: instance.seen[-1] == "ended")


async def test_a_caller_that_is_cancelled_lets_go_of_the_answer(way: Surface) -> None:
    task = asyncio.ensure_future(way.stub(Room).fetch("http://x/endless"))
    await asyncio.sleep(0)
    task.cancel()
    await turns(50)
    seen = Room.latest.seen  # within one process nothing may have been read of it
    assert seen.count("begun") == seen.count("ended")
    assert all(len(streams) == 0 for streams in way.streams)


async def test_a_websocket_comes_with_the_response(way: Surface) -> None:
    response = await way.stub(Room).fetch("http://x/upgrade", headers={"Upgrade": "websocket"})
    assert response.status == 101
    assert response.web_socket is not None
    assert response.web_socket.can_be_handed_over
    assert response.content is None


async def test_an_actor_that_answers_with_no_response_is_an_error(way: Surface) -> None:
    error = await raised(way.stub(Room).fetch("http://x/nothing"))
    assert type(error) is TypeError
    assert "returned NoneType" in str(error)


async def test_a_used_body_is_used_on_the_other_side(way: Surface) -> None:
    request = Request("http://x/whole", method="POST", body="text")
    assert await request.text() == "text"
    assert type(await raised(way.stub(Room).fetch(request))) is BodyAlreadyUsed


async def test_a_request_with_bytes_can_be_sent_again_by_a_caller_that_was_refused(
    way: Surface,
) -> None:
    request = Request("http://x/ignore", method="POST", body="text")
    for _ in range(2):
        assert await (await way.stub(Room).fetch(request)).text() == "not read"


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        if request.parsed_url.path == "/fail":
            raise Teapot(6)
        if request.parsed_url.path == "/mirror":
            return Response(request.body)
        body = await request.text()
        return Response(f"{request.method} {request.url} {request.client_address} {body}")


async def test_the_entrypoint_answers_requests_for_no_actor(way: Surface) -> None:
    fields = Request("http://x").header_fields()
    request = Request.incoming("POST", "http://x/y", fields, b"body", "192.0.2.1")
    response, error = await way.ask(Default, request)
    assert error is None
    assert response is not None
    assert await response.text() == "POST http://x/y 192.0.2.1 body"


async def test_the_entrypoint_streams_a_clients_body_back(way: Surface) -> None:
    fields = Request("http://x").header_fields()
    source = Request("http://x", method="POST", body=pieces(b"a", b"b")).take_content()
    response, error = await way.ask(
        Default, Request.incoming("POST", "http://x/mirror", fields, source)
    )
    assert error is None
    assert response is not None
    assert await response.bytes() == b"ab"


async def test_the_entrypoints_error_has_its_class(way: Surface) -> None:
    response, error = await way.ask(Default, Request("http://x/fail"))
    assert response is None
    assert type(error) is Teapot
    assert error.size == 6
