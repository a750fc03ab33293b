"""API.md 1.3 to 1.5, 2.1, 2.9 and 2.10: one test for each sentence on HTTP that applies here."""

import aiohttp
import pytest

from tests.conformance.sentence import Sentence
from tests.wire import Wire

# 1.3 Response.


async def test_bodies_of_a_response(sentence: Sentence) -> None:
    """1.3 Response: body is str, bytes or None; anything else is a TypeError that names the type."""
    got = await sentence.run("""
        return [await Response("grüße").text(), str(await Response(b"x").bytes()),
                await Response().text(), Response().body is None,
                await raised(Response, {"a": 1}), await raised(Response, 5)]
    """)
    assert got[:4] == ["grüße", "b'x'", "", True]
    for (classes, text), name in zip(got[4:], ("dict", "int"), strict=True):
        assert "TypeError" in classes
        assert text.startswith(f"Unsupported type in Response: {name}")


async def test_the_content_type_of_text(sentence: Sentence) -> None:
    """1.3: str body default content-type `text/plain;charset=UTF-8`; bytes none."""
    await sentence.serve("""
        return Response("x" if request.parsed_url.path == "/text" else b"x")
    """)
    async with await Wire.connect(sentence.server.url) as wire:
        for path, kind in (("/text", "text/plain;charset=UTF-8"), ("/bytes", None)):
            wire.say(f"GET {path} HTTP/1.1", "Host: a")
            assert (await wire.answer()).get("Content-Type") == kind


async def test_the_status_of_a_response(sentence: Sentence) -> None:
    """1.3: status: int or http.HTTPStatus; status_text and ok are attributes."""
    got = await sentence.run("""
        import http
        teapot = Response(None, http.HTTPStatus.IM_A_TEAPOT, status_text="Short and stout")
        return [teapot.status, teapot.status_text, teapot.ok, Response().status, Response().ok]
    """)
    assert got == [418, "Short and stout", False, 200, True]


@pytest.mark.parametrize("status", [199, 600, 0, 1000])
async def test_a_status_out_of_range(sentence: Sentence, status: int) -> None:
    """2.8: status codes in the range 200 to 599."""
    _, text = await sentence.run(f"return await raised(Response, None, {status})")
    assert "in the range 200 to 599" in text


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_status_without_a_body(sentence: Sentence, status: int) -> None:
    """2.8: "Response with null body status (101, 204, 205, or 304) cannot have a body."."""
    _, text = await sentence.run(f"return await raised(Response, 'x', {status})")
    assert text == "Response with null body status (101, 204, 205, or 304) cannot have a body."
    await sentence.serve(f"return Response(None, {status})")
    async with await Wire.connect(sentence.server.url) as wire:
        for _ in range(2):
            wire.say("GET / HTTP/1.1", "Host: a")
            assert (await wire.answer()).status == status


async def test_json(sentence: Sentence) -> None:
    """1.3: Response.json on the class makes a response, on an instance it reads one."""
    got = await sentence.run("""
        response = Response.json({"a": [1, None]}, 201, headers={"X": "y"})
        return [response.status, response.headers["content-type"], response.headers["x"],
                await response.json(), await Response('{"b": 2.5}').json()]
    """)
    assert got == [201, "application/json", "y", {"a": [1, None]}, {"b": 2.5}]


async def test_json_may_name_its_own_type(sentence: Sentence) -> None:
    """1.3: content-type application/json unless given."""
    got = await sentence.run("""
        return Response.json({}, headers={"Content-Type": "application/problem+json"}).headers[
            "Content-Type"]
    """)
    assert got == "application/problem+json"


async def test_redirects(sentence: Sentence) -> None:
    """1.3: Response.redirect(url, status=302); a bad status is a ValueError."""
    got = await sentence.run("""
        response = Response.redirect("http://example.com/x")
        other = Response.redirect("http://example.com/x", 308)
        return [response.status, response.headers["Location"], other.status,
                await raised(Response.redirect, "http://example.com/", 200)]
    """)
    assert got[:3] == [302, "http://example.com/x", 308]
    assert "ValueError" in got[3][0]


async def test_headers_are_a_mapping_without_case(sentence: Sentence) -> None:
    """1.3: headers is a Mapping: get, get_all, [], in, items; case-insensitive."""
    got = await sentence.run("""
        headers = Response("", headers=[("X-A", "1"), ("x-a", "2"), ("Y", "3")]).headers
        return [headers.get("X-a"), headers.get_all("x-A"), headers["y"], "Y" in headers,
                "z" in headers, headers.get("z"), await raised(lambda: headers["z"])]
    """)
    assert got[:6] == ["1, 2", ["1", "2"], "3", True, False, None]
    assert "KeyError" in got[6][0]


async def test_headers_of_the_wrong_type(sentence: Sentence) -> None:
    """1.3: headers: a mapping, a list of pairs or Headers, else TypeError."""
    got = await sentence.run("""
        return [await raised(Response, "", headers=5), await raised(Response, "", headers=["ab"]),
                await raised(Response, "", headers={"a": 5})]
    """)
    assert ["TypeError" in classes for classes, _ in got] == [True] * 3


async def test_headers_that_would_end_early(sentence: Sentence) -> None:
    """A name or value with CR, LF or NUL is refused, so that no header can smuggle another."""
    got = await sentence.run(r"""
        return [await raised(Response, "", headers={name: value})
                for name, value in [("X", "a\r\nY: b"), ("X\n", "a"), ("X", "a\0"), ("", "a"),
                                    ("X Y", "a")]]
    """)
    assert ["ValueError" in classes for classes, _ in got] == [True] * 5


async def test_the_repr_of_a_response(sentence: Sentence) -> None:
    """1.3: repr names status, status_text and content_type when they are set."""
    got = await sentence.run("return repr(Response('x', status_text='Fine'))")
    assert got == (
        "Response(status=200, status_text='Fine', content_type='text/plain;charset=UTF-8')"
    )


async def test_a_clone_is_read_on_its_own(sentence: Sentence) -> None:
    """1.3: clone(), body_used."""
    got = await sentence.run("""
        one = Response("body")
        two = one.clone()
        return [one.body_used, await one.text(), one.body_used, two.body_used, await two.text()]
    """)
    assert got == [False, "body", True, False, "body"]


async def test_a_streaming_body(sentence: Sentence) -> None:
    """Issue 2: streaming bodies both ways."""
    await sentence.serve("""
        async def louder():
            async for chunk in request.body:
                yield chunk.upper()
        return Response(louder(), headers={"Content-Type": "text/x-loud"})
    """)
    async with sentence.http.post(sentence.server.url, data=b"quiet") as response:
        assert response.headers["Content-Type"] == "text/x-loud"
        assert await response.text() == "QUIET"


# 1.4 Request.


async def test_the_parts_of_a_request(sentence: Sentence) -> None:
    """1.4 Request: method, url (str), headers, body, body_used."""
    await sentence.serve("""
        before = request.body_used
        text = await request.text()
        return [request.method, request.method == "PUT", request.url, request.headers["X-Own"],
                before, text, request.body_used]
    """)
    async with sentence.http.put(
        sentence.server.url + "/a?b=c", data="x", headers={"X-Own": "y"}
    ) as response:
        got = await response.json()
    assert got == ["PUT", True, sentence.server.url + "/a?b=c", "y", False, "x", True]


async def test_a_used_body(sentence: Sentence) -> None:
    """1.4: used body → OSError "Body already used"."""
    await sentence.serve("""
        await request.text()
        return await raised(request.text)
    """)
    async with sentence.http.post(sentence.server.url, data="x") as response:
        classes, text = await response.json()
    assert "OSError" in classes
    assert text.startswith("Body already used")


async def test_duplicate_headers_are_joined(sentence: Sentence) -> None:
    """1.4: header duplicates: combined with ", ", Set-Cookie kept separate."""
    got = await sentence.run("""
        headers = Request("http://x/", headers=[("A", "1"), ("A", "2"), ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2")]).headers
        return [headers["a"], headers.get_set_cookie()]
    """)
    assert got == ["1, 2", ["a=1", "b=2"]]


async def test_json_of_a_request(sentence: Sentence) -> None:
    """1.4: `await request.json()` is a plain dict or list; keywords are those of json.loads."""
    await sentence.serve("""
        from decimal import Decimal
        read = await request.clone().json(parse_float=Decimal)
        return [type(read).__name__, str(read["a"]), await request.json()]
    """)
    async with sentence.http.post(sentence.server.url, data='{"a": 1.10}') as response:
        assert await response.json() == ["dict", "1.10", {"a": 1.1}]


async def test_forms(sentence: Sentence) -> None:
    """1.4: form_data(), as ``form`` here: fields of text, and files."""
    await sentence.serve("""
        form = await request.form()
        file = form.get("file")
        return [form.getall("a"), None if file is None else [file.filename, str(file.data)]]
    """)
    async with sentence.http.post(sentence.server.url, data={"a": "grüße"}) as response:
        assert await response.json() == [["grüße"], None]
    form = aiohttp.FormData()
    form.add_field("a", "1")
    form.add_field("a", "2")
    form.add_field("file", b"\x00data", filename="x.bin")
    async with sentence.http.post(sentence.server.url, data=form) as response:
        assert await response.json() == [["1", "2"], ["x.bin", "b'\\x00data'"]]


async def test_requests_that_cannot_be(sentence: Sentence) -> None:
    """1.6: a relative URL is TypeError "Invalid URL: /x"; GET and HEAD have no body."""
    got = await sentence.run("""
        return [await raised(Request, "/x"), await raised(Request, "http://x/", body="y"),
                await raised(Request, "http://x/", method="HEAD", body="y"),
                await raised(Request, "http://x/", method="NO SUCH")]
    """)
    assert got[0][1].startswith("Invalid URL: /x")
    assert ["TypeError" in classes for classes, _ in got] == [True] * 4


# 1.5 fetch.


async def test_an_error_status_does_not_raise(sentence: Sentence) -> None:
    """1.5: HTTP error status does not raise."""
    await sentence.serve("""
        if request.parsed_url.path == "/teapot":
            return Response("short", 418)
        response = await fetch(request.url + "teapot")
        return [response.status, response.ok, await response.text()]
    """)
    assert await sentence.get() == [418, False, "short"]


async def test_a_network_failure_raises(sentence: Sentence, unused_tcp_port: int) -> None:
    """1.5: network failure raises OSError."""
    classes, text = await sentence.run(
        f"return await raised(fetch, 'http://127.0.0.1:{unused_tcp_port}/')"
    )
    assert "OSError" in classes
    assert f"127.0.0.1:{unused_tcp_port}" in text


async def test_fetch_takes_one_positional_argument(sentence: Sentence) -> None:
    """1.5: a second positional is TypeError "fetch() takes 1 positional argument but 2 were given"."""
    classes, text = await sentence.run("return await raised(fetch, 'http://x/', {'method': 'PUT'})")
    assert classes[0] == "TypeError"
    assert text == "fetch() takes 1 positional argument but 2 were given"


async def test_fetch_outside_of_a_handler(sentence: Sentence) -> None:
    """Issue 2: fetch works while a handler is running, and says so elsewhere."""
    got = await sentence.run("""
        import contextvars
        def attempt():
            try:
                fetch("http://x/")
            except Exception as error:
                return f"{type(error).__name__}: {error}"
        return contextvars.Context().run(attempt)
    """)
    assert got.startswith("NotInHandler: fetch() works only while a handler")


# 2.1 and 2.9 Stubs.


async def test_a_stub_takes_a_request_or_a_url(sentence: Sentence) -> None:
    """2.1: Stub: fetch(request|url, init?)."""
    await sentence.serve("""
        if isinstance(self, DurableObject):
            return Response(f"{request.method} {request.url} {await request.text()} "
                f"{request.headers.get('X')}")
        stub = env.THING.get_by_name("one")
        headers = {"X": "y"}
        post = Request("http://host/b", method="POST", body="body", headers=headers)
        return [await (await stub.fetch("http://host/a", method="PUT", body="b")).text(),
                await (await stub.fetch(post)).text()]
    """)
    assert await sentence.get() == ["PUT http://host/a b None", "POST http://host/b body y"]


async def test_a_stub_needs_a_whole_url(sentence: Sentence) -> None:
    """1.6: relative URL is TypeError "Invalid URL: /x"."""
    classes, text = await sentence.run(
        "return await raised(env.THING.get_by_name('one').fetch, '/x')"
    )
    assert "TypeError" in classes
    assert text.startswith("Invalid URL: /x")


async def test_an_actor_without_fetch(sentence: Sentence, caplog: pytest.LogCaptureFixture) -> None:
    """2.9: no fetch: "Handler does not export a fetch() function."."""
    await sentence.serve("return 1", members="fetch = None")
    assert await sentence.get("/actor") == 500
    assert "Handler does not export a fetch() function." in caplog.text


# 2.10 Errors.


async def test_an_uncaught_error_of_a_worker(sentence: Sentence) -> None:
    """2.10: uncaught error in Worker fetch: HTTP 500 body "Internal Server Error"."""
    await sentence.serve("raise ValueError('a secret')")
    for path in ("/", "/actor"):
        async with sentence.http.get(sentence.server.url + path) as response:
            assert (response.status, await response.text()) == (500, "Internal Server Error\n")


async def test_an_error_of_an_object_is_remote(sentence: Sentence) -> None:
    """2.10: `.remote` (thrown by user code in the object), `.retryable`, `.overloaded`."""
    got = await sentence.run("""
        if isinstance(self, DurableObject):
            raise ValueError("of the object")
        try:
            await env.THING.get_by_name("one").fetch("http://x/")
        except ValueError as error:
            return [str(error), error.remote, error.retryable, error.overloaded]
    """)
    assert got == ["of the object", True, False, False]


async def test_an_object_that_aborts_itself(sentence: Sentence) -> None:
    """2.10: abort(): in-flight and later calls on the stub get the reason; a new stub works."""
    got = await sentence.run("""
        if isinstance(self, DurableObject):
            if request.parsed_url.path == "/abort":
                ctx.abort("enough")
            return Response("fine")
        stub = env.THING.get_by_name("one")
        got = [await raised(stub.fetch, "http://x/abort"), await raised(stub.fetch, "http://x/")]
        try:
            await stub.fetch("http://x/")
        except Exception as error:
            got.append(error.durable_object_reset)
        return got + [await (await env.THING.get_by_name("one").fetch("http://x/")).text()]
    """)
    assert [got[0][1], got[1][1]] == ["enough", "enough"]
    assert got[2:] == [True, "fine"]


async def test_the_usual_reason_of_an_abort(sentence: Sentence) -> None:
    """2.10: default "Application called abort() to reset Durable Object."."""
    _, text = await sentence.run("""
        if isinstance(self, DurableObject):
            ctx.abort()
        return await raised(env.THING.get_by_name("one").fetch, "http://x/")
    """)
    assert text == "Application called abort() to reset Durable Object."


async def test_a_constructor_that_throws(sentence: Sentence) -> None:
    """2.10: every call fails with that error until a construct succeeds (new attempt per event)."""
    members = """
        attempts = []
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.attempts.append(None)
            if len(self.attempts) < 3:
                raise ValueError(f"attempt {len(self.attempts)}")
    """
    await sentence.serve(
        """
        if isinstance(self, DurableObject):
            return Response("made")
        stub = env.THING.get_by_name("one")
        return [(await raised(stub.fetch, "http://x/"))[1], (await raised(stub.fetch, "http://x/"))[1],
                await (await stub.fetch("http://x/")).text()]
        """,
        members=members,
    )
    assert await sentence.get() == ["attempt 1", "attempt 2", "made"]


# 2.11 Limits, and what the front answers by itself.


async def test_a_body_over_the_limit(sentence: Sentence) -> None:
    """2.11: request body 100 MB by default: more is a 413."""
    await sentence.serve("return len(await request.bytes())")
    async with await Wire.connect(sentence.server.url) as wire:
        wire.say("POST / HTTP/1.1", "Host: a", "Content-Length: 100000001")
        assert (await wire.answer()).status == 413


async def test_headers_over_the_limit(sentence: Sentence) -> None:
    """Issue 2: headers past 64 KiB (431)."""
    await sentence.serve("return 1")
    async with await Wire.connect(sentence.server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", *(f"X-{n}: {'x' * 1000}" for n in range(66)))
        assert (await wire.answer()).status == 431


async def test_work_goes_on_after_the_response(sentence: Sentence) -> None:
    """2.2: waitUntil(p): the work goes on when the response has left."""
    await sentence.serve("""
        async def later():
            for _ in range(10):
                await asyncio.sleep(0)
            heard.put_nowait("done later")
        ctx.wait_until(later())
        return "answered"
    """)
    for path in ("/", "/actor"):
        assert await sentence.get(path) == "answered"
        assert await sentence.heard() == "done later"
