"""Programs with the habits of code in the wild: older ones, frameworks, and mixins."""

import aiohttp

from tests.compat.conftest import PROGRAMS, Start


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
