"""RPC: what arguments and results may hold, whoever lives in which process.

One program: a Worker, and rooms that call each other. Each test asks each of several rooms, which
are spread over the workers of a split server, so that both ends are in one process and in two.
"""

import asyncio
import json
import textwrap
from typing import Any

import aiohttp
import pytest

from perdure.runtime.server import Server
from tests.serving import Serving

PROGRAM = """
import asyncio
import functools
import gc
import os
from perdure import *


async def raised(awaitable):
    try:
        return ["no error", repr(await awaitable)]
    except Exception as error:
        return [type(error).__name__, str(error)]


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


class Counter(RpcTarget):
    limit = 7

    def __init__(self, start=0):
        self.count = start
        self.secret = lambda: "secret"

    def add(self, by=1):
        self.count += by
        return self.count

    async def add_later(self, by):
        await asyncio.sleep(0)
        return self.add(by)

    @property
    def value(self):
        return self.count

    @functools.cached_property
    def cached(self):
        return f"cached {self.count}"

    def fail(self):
        raise LookupError("of the counter")

    def me(self):
        return self

    def _private(self):
        return "private"

    def alarm(self):
        return "alarm"


class Watched(RpcTarget):
    def __init__(self, room):
        self.room = room

    def touch(self):
        return "touched"

    async def dispose(self):
        await asyncio.sleep(0)
        self.room.disposed += 1


class Plain:
    pass


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.kept = None
        self.disposed = 0
        self.heard = []
        self.began = []
        self.gate = asyncio.Event()
        self.counter_ = Counter(100)

    # What others call.

    def open(self):
        return "opened"

    def broken(self):
        return "not at all"

    @property
    def neighbour(self):
        return self.env.ROOM.get_by_name("third")

    def where(self):
        return os.getpid()

    def name(self):
        return self.ctx.id.name

    def echo(self, *args, **kwargs):
        return [list(args), kwargs] if kwargs else list(args)

    async def write_into(self, stream, chunks, *, is_closed=True):
        for chunk in chunks:
            await stream.write(chunk)
        if is_closed:
            await stream.close()

    async def write_and_fail(self, stream):
        async with stream:
            await stream.write(b"some")
            raise LookupError("in the middle")

    def sink(self):
        self.heard = []
        heard = self.heard
        return WritableStream(heard.append, lambda: heard.append("end"))

    def what_was_heard(self):
        return [each if each == "end" else each.decode() for each in self.heard]

    def same(self, value):
        return value

    async def call(self, function, *args, **kwargs):
        return await function(*args, **kwargs)

    async def call_method(self, target, name, *args):
        return await getattr(target, name)(*args)

    async def read(self, target, name):
        return await getattr(target, name)

    def counter(self, start=0):
        return Counter(start)

    def own_counter(self):
        return self.counter_

    def nested(self):
        return {"counter": Counter(5), "list": [Counter(6)], "text": "plain"}

    def room(self, name):
        return self.env.ROOM.get_by_name(name)

    def adder(self, by):
        return lambda number: number + by

    def make_watched(self):
        return Watched(self)

    def disposals(self):
        return self.disposed

    def fails(self):
        raise LookupError("of the room")

    async def slow(self, number):
        self.began.append(number)
        await self.gate.wait()
        return number

    async def slow_counter(self):
        await self.gate.wait()
        return Counter(1)

    def release(self):
        self.gate.set()

    async def until_called_off(self, signal):
        known = signal.is_aborted
        reason = await signal.wait()
        return [known, signal.is_aborted, type(reason).__name__, str(reason)]

    async def until_released(self, signal):
        told = asyncio.ensure_future(signal.wait())
        await self.gate.wait()
        return told.done()

    async def passes_on(self, signal):
        return await self.neighbour.until_called_off(signal)

    @property
    def population(self):
        return 42

    def keep(self, stub):
        self.kept = stub.dup()

    def keep_without_dup(self, stub):
        self.kept = stub

    async def call_kept(self, *args):
        return await self.kept(*args)

    def drop_kept(self):
        if self.kept is not None:
            self.kept.dispose()
        self.kept = None

    def begun(self):
        return self.began

    def exported(self):
        gc.collect()
        return len(self.ctx._actor.targets)

    def abort(self):
        self.ctx.abort("the room is gone")

    async def put_and_tell(self, function):
        self.ctx.storage.kv.put("told", True)
        await function("after the write")

    async def stream(self, chunks):
        try:
            for number in range(chunks):
                yield f"chunk {number} ".encode()
                await asyncio.sleep(0)
        finally:
            self.heard.append("closed")

    async def endless(self):
        try:
            while True:
                yield b"x" * 10000
                self.heard.append("more")
        finally:
            self.heard.append("closed")

    def told(self):
        return self.heard

    async def collect(self, stream):
        return b"".join([chunk async for chunk in stream])

    async def read_and_fail(self, stream):
        async for chunk in stream:
            raise LookupError("after a chunk")

    async def respond(self, request):
        body = await request.text()
        return Response(f"{request.method} {request.url} {body}", 201, headers={"X-Room": "yes"})

    async def run(self, source, other):
        '''Run the body of a test here.'''
        scope = {}
        exec(source, globals(), scope)
        return await scope["body"](self, self.env.ROOM.get_by_name(other), self.env)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        asked = await request.json()
        scope = {}
        exec(asked["source"], globals(), scope)
        if asked["place"] == "worker":
            result = await scope["body"](self, self.env.ROOM.get_by_name(asked["other"]), self.env)
        else:
            room = self.env.ROOM.get_by_name("here")
            result = await room.run(asked["source"], asked["other"])
        return Response.json(result)
"""
# Placed in both workers of a split server; "here" is where half of the tests run.
OTHERS = [f"room{number}" for number in range(4)]


@pytest.fixture(params=["worker", "actor"])
def place(request: pytest.FixtureRequest) -> str:
    """Where the body of a test runs."""
    return str(request.param)


class Asked:
    """A server of the program, and where it is asked."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, place: str) -> None:
        self.server, self._http, self._place = server, http, place

    async def one(self, body: str, other: str = "room0") -> Any:
        source = "async def body(self, other, env):\n" + textwrap.indent(
            textwrap.dedent(body), "    "
        )
        asked = {"source": source, "place": self._place, "other": other}
        async with self._http.post(self.server.url, json=asked) as response:
            text = await response.text()
            assert response.status == 200, text
            return json.loads(text)

    async def __call__(self, body: str) -> Any:
        """What ``body`` gives, whichever room is the other one; it must be the same for all."""
        answers = [await self.one(body, other) for other in OTHERS]
        assert all(answer == answers[0] for answer in answers), answers
        return answers[0]


@pytest.fixture
async def run(serve: Serving, http: aiohttp.ClientSession, place: str) -> Asked:
    return Asked(await serve(PROGRAM, objects=["Room"]), http, place)


async def test_the_rooms_are_in_more_than_one_process(
    run: Asked, request: pytest.FixtureRequest
) -> None:
    body = "return [os.getpid(), await other.where()]"
    answers = [await run.one(body, other) for other in OTHERS]
    is_split = request.config.getoption("--shape") == "split"
    assert len({where for _, where in answers}) == (2 if is_split else 1)


async def test_functions_of_all_kinds_as_arguments(run: Asked) -> None:
    assert await run("""
        async def later(x, *, by=1):
            await asyncio.sleep(0)
            return x + by

        counter = Counter(1)
        return [
            await other.call(lambda x: x * 2, 4),
            await other.call(later, 4, by=3),
            await other.call(counter.add, 5),
            counter.count,
            await other.call(functools.partial(later, 1)),
        ]
    """) == [8, 7, 6, 6, 2]


async def test_functions_and_targets_as_results(run: Asked) -> None:
    assert await run("""
        adder = await other.adder(3)
        counter = await other.counter(10)
        answers = [type(adder) is RpcStub, await adder(4), await counter.add(), await counter.add(5)]
        return answers + [await counter.value, await counter.cached, await counter.add_later(1)]
    """) == [True, 7, 11, 16, 16, "cached 16", 17]


async def test_capabilities_anywhere_inside_of_values(run: Asked) -> None:
    assert await run("""
        inside = await other.nested()
        [[first], named] = await other.echo({"deep": [1, (lambda: "deep",)]}, f=lambda: "named")
        return [
            await inside["counter"].add(), await inside["list"][0].add(), inside["text"],
            await first["deep"][1][0](), await named["f"](), type(first["deep"][1]).__name__,
        ]
    """) == [6, 7, "plain", "deep", "named", "tuple"]


async def test_one_thing_sent_twice_is_one_thing(run: Asked) -> None:
    assert await run("""
        counter = Counter()
        one, two = await other.echo(counter, counter)
        await one.add()
        return [await two.add(), counter.count]
    """) == [2, 2]


async def test_what_has_come_back_to_its_owner_is_the_same_target(run: Asked) -> None:
    assert await run("""
        counter = Counter()
        back = await other.same(counter)
        await back.add(3)
        theirs = await other.own_counter()
        before = await theirs.value
        await other.call_method(theirs, "add", 1)
        return [counter.count, await theirs.value - before]
    """) == [3, 1]


async def test_what_was_received_can_be_sent_on_to_a_third(run: Asked) -> None:
    assert (
        await run("""
        third = env.ROOM.get_by_name("third")
        fourth = env.ROOM.get_by_name("room1")
        counter = await other.counter(7)
        await third.call_method(counter, "add", 1)
        await fourth.call_method(counter, "add", 1)
        return await counter.value
    """)
        == 9
    )


async def test_stubs_of_actors_are_sent(run: Asked) -> None:
    assert await run("""
        third = env.ROOM.get_by_name("third")
        got = await other.room("third")
        return [await other.call_method(third, "where") == await third.where(),
                str(got.id) == str(third.id), type(got).__name__, await got.population]
    """) == [True, True, "DurableObjectStub", 42]


async def test_what_is_no_method_cannot_be_called(run: Asked) -> None:
    no_method = 'The RPC receiver does not implement the method "{}".'
    reserved = "'{}' is a reserved method and cannot be called over RPC."
    assert await run("""
        counter = await other.counter()
        answers = [await raised(getattr(counter, name)()) for name in
                   ("missing", "secret", "count", "limit", "value")]
        answers += [await raised(counter()), await raised(counter.count)]
        for name in ("alarm", "fetch", "_private"):
            try:
                getattr(counter, name)
            except (AttributeError, ReservedMethod) as error:
                answers.append([type(error).__name__, str(error)])
        return answers
    """) == [
        *[["NoSuchMethod", no_method.format(n)] for n in ("missing", "secret", "count", "limit")],
        ["NoSuchMethod", no_method.format("value")],
        ["NoSuchMethod", no_method.format("")],
        ["NoSuchMethod", no_method.format("count")],
        ["ReservedMethod", reserved.format("alarm")],
        ["ReservedMethod", reserved.format("fetch")],
        [
            "AttributeError",
            "'_private' cannot be called over RPC: names with an underscore are private",
        ],
    ]


async def test_plain_instances_are_refused(run: Asked) -> None:
    answers = await run("""
        async def coroutine():
            pass

        waiting = coroutine()
        answers = []
        for value in (Plain(), [Plain()], Plain, waiting, {len: 1}, WebSocketPair()[0]):
            try:
                other.echo(value)
            except ValueNotSerializable as error:
                answers.append(str(error))
        waiting.close()
        return answers
    """)
    assert len(answers) == 6
    assert "Plain" in answers[0]
    assert "argument 1 of echo()" in answers[0]
    assert "[0]" in answers[1]
    assert "await it first" in answers[3]


async def test_errors_of_targets_keep_their_class(run: Asked) -> None:
    assert await run("""
        def fail():
            raise ZeroDivisionError("mine")

        counter = await other.counter()
        return [await raised(counter.fail()), await raised(other.call(fail)),
                await raised(other.fails())]
    """) == [
        ["LookupError", "of the counter"],
        ["ZeroDivisionError", "mine"],
        ["LookupError", "of the room"],
    ]


async def test_exceptions_and_headers_are_values(run: Asked) -> None:
    assert await run("""
        error = ValueError("of use", 3)
        error.code = 5
        headers = Headers([("A", "1"), ("Set-Cookie", "x"), ("Set-Cookie", "y")])
        [got, theirs] = await other.echo(error, {"h": headers})
        return [type(got).__name__, list(got.args), got.code, theirs["h"]["a"],
                theirs["h"].get_set_cookie()]
    """) == ["ValueError", ["of use", 3], 5, "1", ["x", "y"]]


async def test_calls_on_one_stub_arrive_in_order(run: Asked) -> None:
    assert await run("""
        heard = []

        async def tell(number):
            heard.append(number)

        async def all_of_them(tell):
            await asyncio.gather(*[tell(number) for number in range(20)])

        counter = await other.counter()
        answers = await asyncio.gather(*[counter.add() for _ in range(20)])
        echoed = await other.same(tell)
        await asyncio.gather(*[echoed(number) for number in range(20)])
        return [answers, heard]
    """) == [list(range(1, 21)), list(range(20))]


async def test_a_call_to_a_capability_waits_for_what_was_written(run: Asked) -> None:
    assert await run("""
        heard = []
        await other.put_and_tell(heard.append)
        return heard
    """) == ["after the write"]


async def test_arguments_die_with_the_call_unless_they_are_kept(run: Asked) -> None:
    disposed, kept = await run("""
        await other.keep_without_dup(lambda: 1)
        disposed = await raised(other.call_kept())
        await other.keep(lambda: 2)
        kept = await other.call_kept()
        await other.drop_kept()
        return [disposed, kept]
    """)
    assert disposed[0] == "StubDisposed"
    assert "RPC stub used after being disposed." in disposed[1]
    assert kept == 2


async def test_a_target_is_told_when_nobody_has_it(run: Asked) -> None:
    assert await run("""
        before = await other.disposals()
        async with await other.make_watched() as watched:
            copy = watched.dup()
            answers = [await watched.touch()]
        answers += [await copy.touch()]
        answers.append(await other.disposals() - before)
        copy.dispose()
        while await other.disposals() == before:
            await asyncio.sleep(0)
        return answers + [await other.disposals() - before]
    """) == ["touched", "touched", 0, 1]


async def test_results_die_with_the_event_of_the_caller(run: Asked) -> None:
    before = await run.one("return await other.disposals()")
    assert await run.one("return await (await other.make_watched()).touch()") == "touched"
    async with asyncio.timeout(60):
        while await run.one("return await other.disposals()") == before:
            pass
    assert await run.one("return await other.exported()") == 0


async def test_a_disposed_stub_cannot_be_used(run: Asked) -> None:
    assert (
        await run("""
        counter = await other.counter()
        counter.dispose()
        counter.dispose()
        answers = []
        for use in (lambda: counter.add(), lambda: counter.dup(), lambda: other.same(counter)):
            try:
                use()
            except StubDisposed as error:
                answers.append(str(error).split(".")[0])
        return answers
    """)
        == ["RPC stub used after being disposed"] * 3
    )


async def test_calls_made_before_the_disposal_are_done(run: Asked) -> None:
    assert (
        await run("""
        counter = await other.counter()
        first = counter.add()
        counter.dispose()
        return await first
    """)
        == 1
    )


async def test_capabilities_of_an_actor_that_was_reset_fail(run: Asked) -> None:
    assert (
        await run("""
        counter = await other.counter()
        await raised(env.ROOM.get(other.id).abort())
        answers = []
        for _ in range(2):
            try:
                await counter.add()
            except Exception as error:
                answers.append([str(error), error.durable_object_reset, error.retryable])
        return answers
    """)
        == [["the room is gone", True, True]] * 2
    )


async def test_calls_are_made_on_answers_that_are_not_there_yet(run: Asked) -> None:
    assert await run("""
        return [
            await other.counter(3).add(4),
            await other.counter(3).value,
            await other.counter(3).me().me().add(1),
            await other.nested().counter.add(),
            await other.nested().text,
            await other.nested().counter.value,
            await other.room("third").population,
            await other.population,
        ]
    """) == [7, 3, 4, 6, "plain", 5, 42, 42]


async def test_what_fails_fails_what_was_called_on_it(run: Asked) -> None:
    no_method = 'The RPC receiver does not implement the method "{}".'
    assert await run("""
        return [
            await raised(other.fails().anything(1)),
            await raised(other.fails().anything),
            await raised(other.echo(1).anything()),
            await raised(other.nested().missing),
            await raised(other.nested().counter.missing()),
            await raised(other.nested().counter.fail()),
            await raised(other.counter().fail().more()),
        ]
    """) == [
        ["LookupError", "of the room"],
        ["LookupError", "of the room"],
        ["NoSuchMethod", no_method.format("anything")],
        ["NoSuchMethod", no_method.format("missing")],
        ["NoSuchMethod", no_method.format("missing")],
        ["LookupError", "of the counter"],
        ["LookupError", "of the counter"],
    ]


async def test_calls_on_an_answer_come_before_those_on_what_it_gave(run: Asked) -> None:
    assert await run("""
        promise = other.counter(0)
        early = [promise.add() for _ in range(3)]
        counter = await promise
        late = [counter.add(), promise.add(), counter.add()]
        return await asyncio.gather(*early, *late)
    """) == [1, 2, 3, 4, 5, 6]


async def test_a_promise_is_a_future_of_asyncio(run: Asked) -> None:
    assert await run("""
        heard = []
        promise = other.echo(1)
        promise.add_done_callback(lambda done: heard.append(done.result()))
        gathered = await asyncio.gather(promise, other.echo(2))
        waited = await asyncio.wait_for(other.echo(3), 60)
        task = asyncio.ensure_future(other.echo(4))
        await until(lambda: heard)
        return [gathered, waited, await task, heard, asyncio.isfuture(promise), promise.done()]
    """) == [[[1], [2]], [3], [4], [[1]], True, True]


async def test_streams_as_arguments_and_results(run: Asked) -> None:
    assert await run("""
        async def chunks():
            for number in range(100):
                yield bytes([number]) * 10_000

        there = await other.collect(chunks())
        back = b"".join([chunk async for chunk in await other.stream(3)])
        through = await other.same(chunks())
        size = 0
        async for chunk in through:
            size += len(chunk)
        return [len(there), there[-1], back.decode(), size]
    """) == [1_000_000, 99, "chunk 0 chunk 1 chunk 2 ", 1_000_000]


async def test_a_stream_nobody_reads_is_held_up_and_closed_at_the_end(run: Asked) -> None:
    assert (
        await run.one("""
        stream = await other.endless()
        async for chunk in stream:
            return len(chunk)
    """)
        == 10000
    )
    async with asyncio.timeout(60):
        while "closed" not in (heard := await run.one("return await other.told()")):
            pass
    assert len(heard) < 100, "a million would be no backpressure"


async def test_requests_and_responses_are_values(run: Asked) -> None:
    assert await run("""
        async def body():
            yield b"in "
            yield b"pieces"

        request = Request("http://a/b", method="POST", body=body())
        response = await other.respond(request)
        [again] = await other.echo(response)
        text = await again.text()
        return [response.status, again.headers["X-Room"], text, response.body_used]
    """) == [201, "yes", "POST http://a/b in pieces", True]


async def test_what_was_given_up_before_it_began_does_not_begin(run: Asked) -> None:
    began = await run("""
        calls = [other.slow(number) for number in range(3)]
        calls[1].cancel()
        await asyncio.sleep(0)
        await other.release()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return [str(answers[0]), type(answers[1]).__name__, answers[2]]
    """)
    assert began == ["0", "CancelledError", 2]


async def test_an_answer_nobody_waits_for_is_let_go_of(run: Asked) -> None:
    assert await run.one("""
        call = other.slow_counter()
        call.cancel()
        await other.release()
        while await other.exported():
            await asyncio.sleep(0)
        return await raised(asyncio.shield(other.echo(1)))
    """) == ["no error", "[1]"]


async def test_streams_given_to_a_call_that_fails_are_closed(run: Asked) -> None:
    assert await run("""
        closed = []
        execution = getattr(self.ctx, "_actor", None) or self.ctx._execution
        await asyncio.sleep(0)
        before = len(execution.tasks)

        async def chunks(name):
            try:
                while True:
                    yield b"chunk"
            finally:
                closed.append(name)

        answers = [await raised(other.missing(chunks("missing"))),
                   await raised(other.read_and_fail(chunks("fails")))]
        await until(lambda: closed and len(execution.tasks) == before)
        return [[name for name, _ in answers], "fails" in closed]
    """) == [["NoSuchMethod", "LookupError"], True]


async def test_names_of_the_stubs_own_are_nobody_elses(run: Asked) -> None:
    assert await run("""
        return [
            await other.open(), await other.broken(), await other.neighbour.open(),
            await other.neighbour.population, (await raised(other.neighbour.dispose()))[0],
            (await raised(other.neighbour.id))[0],
        ]
    """) == ["opened", "not at all", "opened", 42, "NoSuchMethod", "NoSuchMethod"]


async def test_blobs_are_values(run: Asked) -> None:
    assert await run("""
        blob = Blob(b"\\0\\1", "image/png")
        file = Blob(b"text", "text/plain", "a.txt", 5)
        back = await other.same({"blob": blob, "files": [file, file]})
        return [back == {"blob": blob, "files": [file, file]}, back["blob"].size,
                (await other.same(Blob(b""))).filename]
    """) == [True, 2, None]


async def test_who_is_given_a_stream_to_write_into_writes_here(run: Asked) -> None:
    assert await run("""
        heard = []

        async def write(chunk):
            await asyncio.sleep(0)
            heard.append(chunk.decode())

        stream = WritableStream(write, lambda: heard.append("end"))
        await other.write_into(stream, [b"a", b"b"])
        again = await raised(other.write_into(stream, [b"c"]))
        return [heard, again]
    """) == [["a", "b", "end"], ["UsageError", "this stream is closed"]]


async def test_who_is_given_a_signal_is_told_when_it_is_time_and_why(run: Asked) -> None:
    assert await run("""
        time, asked = asyncio.Event(), asyncio.Event()

        async def wait():
            asked.set()
            await time.wait()
            return LookupError("gone home")

        signal = AbortSignal(wait)
        calls = [other.until_called_off(signal), other.passes_on({"it": signal}["it"])]
        await asked.wait()
        time.set()
        told = [await call for call in calls]
        for reason in (KeyError("k"), "enough", {"code": 7}, object):
            told.append(await other.until_called_off(AbortSignal.aborted(reason)))
        return told
    """) == [
        [False, True, "LookupError", "gone home"],
        [False, True, "LookupError", "gone home"],
        [True, True, "KeyError", "'k'"],
        [True, True, "str", "enough"],
        [True, True, "dict", "{'code': 7}"],
        [True, True, "str", "<class 'object'>"],
    ]


async def test_nobody_waits_for_a_signal_once_the_handler_has_ended(run: Asked) -> None:
    assert await run("""
        begun, ended = asyncio.Event(), asyncio.Event()

        async def wait():
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        call = other.until_released(AbortSignal(wait))
        await begun.wait()
        is_early = ended.is_set()
        await other.release()
        told = await call
        await asyncio.wait_for(ended.wait(), 60)
        return [is_early, told, await other.open()]
    """) == [False, False, "opened"]


async def test_chunks_arrive_in_order_although_nobody_waits_for_each(run: Asked) -> None:
    assert await run("""
        sink = await other.sink()
        writes = [sink.write(bytes([97 + number])) for number in range(20)]
        await asyncio.gather(*writes)
        wrong = await raised(sink.write("text"))
        await sink.close()
        return ["".join((await other.what_was_heard())), wrong]
    """) == [
        "abcdefghijklmnopqrstend",
        ["InvalidArgument", "a stream takes bytes, not str"],
    ]


async def test_a_stream_that_is_not_closed_is_aborted_with_why(run: Asked) -> None:
    assert await run("""
        heard, ended = [], asyncio.Event()

        def abort(error):
            heard.append([type(error).__name__, str(error)])
            ended.set()

        def stream():
            ended.clear()
            return WritableStream(lambda chunk: heard.append(chunk.decode()), abort=abort)

        failed = await raised(other.write_and_fail(stream()))
        await asyncio.wait_for(ended.wait(), 60)
        await other.write_into(stream(), [b"left"], is_closed=False)
        await asyncio.wait_for(ended.wait(), 60)
        return [failed[0], heard]
    """) == [
        "LookupError",
        [
            "some",
            ["LookupError", "in the middle"],
            "left",
            ["UsageError", "nobody writes into this stream any more, and it was not closed"],
        ],
    ]
