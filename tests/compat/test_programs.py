"""Programs with the habits of code in the wild: older ones, frameworks, and mixins."""

import asyncio

import aiohttp

from tests.compat.conftest import PROGRAMS, Start
from tests.wire import PATIENCE_S


async def said(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, await answer.text()


async def test_functions_of_an_older_module_answer(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("legacy")
    answer = await http.get(url, headers={"X-Name": "you"})
    assert await said(answer) == (200, "hello you")
    assert answer.headers["Content-Type"] == "text/markdown"
    for count in ("1", "2"):
        answer = await http.post(f"{url}/object", data="x")
        assert await said(answer) == (201, f"PUT {count}")
        assert answer.headers["X-Count"] == count


async def test_a_framework_of_mixins_works(program: Start, http: aiohttp.ClientSession) -> None:
    url = await program("mixin")
    assert await said(await http.post(url, json={"name": "b"})) == (201, '{"stored": "b"}')
    answer = await http.post(f"{url}/forward", json={"name": "a"})
    assert await said(answer) == (201, '{"stored": "a"}')
    answer = await http.get(url)
    assert await said(answer) == (200, '[["a", "a"], ["b", "b"]]')
    assert answer.headers["X-Object"] == "box"
    answer = await http.get(f"{url}/source")
    assert await answer.text() == (
        '"""A mixin as frameworks have them: its __init__ never calls that of DurableObject."""'
    )


async def test_calls_carry_values_and_errors(program: Start, http: aiohttp.ClientSession) -> None:
    url = await program("mixin")
    answer = await http.get(f"{url}/rpc/hi")
    assert await answer.json() == {"value": "hi", "rest": [[1, {"a": None}]]}
    assert await said(await http.get(f"{url}/rpc/fail")) == (500, "ValueError: as you wished")


async def test_functions_and_messages_can_be_sent(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("capabilities")
    answer = await http.get(f"{url}/function")
    assert await said(answer) == (200, '[42, "abab"]')
    answer = await http.post(url, data="body")
    assert await said(answer) == (200, "> body")
    assert answer.headers["X-Method"] == "POST"


async def test_a_fastapi_application_calls_objects(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("fastapi_room")
    for count in (1, 2):
        answer = await http.get(f"{url}/count/x")
        assert await answer.json() == {"name": "x", "count": count}
    assert await (await http.get(f"{url}/count/y")).json() == {"name": "y", "count": 1}


def test_no_program_knows_perdure() -> None:
    texts = {path: path.read_text() for path in PROGRAMS.rglob("*.py")}
    assert texts
    assert [path for path, text in texts.items() if "perdure" in text] == []


async def test_what_is_read_from_env_at_import_serves_later(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("at_import")
    assert await (await http.get(f"{url}/vars")).json() == [3, 3, [4, 4]]
    total, three, is_same, refusal = await (await http.get(f"{url}/bindings")).json()
    assert (total, three, is_same) == (6, 3, True)
    assert refusal.startswith("Error: Disallowed operation called within global scope")
    cache, sockets = await (await http.get(f"{url}/missing")).json()
    assert cache == (
        "the KV namespace binding CACHE is not available on perdure; "
        "keep values in an actor's storage.kv"
    )
    assert sockets == (
        "NotSupportedError: cloudflare:sockets.connect is not available on perdure: "
        "use asyncio.open_connection"
    )


async def test_functions_of_workers_serve_a_handler(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("at_import")
    assert await (await http.get(f"{url}/on")).json() == "begun"
    async with asyncio.timeout(PATIENCE_S):
        while await (await http.get(f"{url}/later")).json() != 3:
            await asyncio.sleep(0)
    called_off = "AbortError: The operation was aborted"
    assert await (await http.get(f"{url}/off")).json() == ["reached", called_off, called_off]


async def test_functions_that_are_not_async_wait(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("suspending")
    transcript = {
        "tea": "3",
        "waits": '["waits", "opens", "goes on"]',
        "object": "now, later",
        "fails": "LookupError: nothing of that",
        "nested": '[3, "inner", true]',
        "timeout": "TimeoutError",
        "both": "[[1, 2], true]",
    }
    for path, text in transcript.items():
        assert await said(await http.get(f"{url}/{path}")) == (200, text), path
    async with http.ws_connect(f"{url}/ws") as socket:
        for word in ("now", "then"):
            await socket.send_str(word)
            assert await socket.receive_str(timeout=PATIENCE_S) == f"{word} later"
