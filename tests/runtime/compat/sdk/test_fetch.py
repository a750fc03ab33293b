"""``workers.fetch``."""

import asyncio
from typing import Any

import pytest

from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.runtime.compat.sdk.fetch import fetch, fetch_with
from perdure.runtime.compat.sdk.messages import Request, Response

URL = "http://example.com/"


class Sent:
    """Answers what it is sent."""

    def __init__(self) -> None:
        self.requests: list[NativeRequest] = []

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        self.requests.append(request)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(NativeResponse("answer", 404))
        return answer


async def test_an_answer_is_a_response_whatever_its_status() -> None:
    sent = Sent()
    response = await fetch_with(sent, URL, {})
    assert isinstance(response, Response)
    assert (response.status, await response.text()) == (404, "answer")


async def test_options_make_another_request() -> None:
    sent = Sent()
    first = Request(URL, method="PUT", body="x")
    await fetch_with(sent, first, {"cf": {"a": 1}, "headers": None})
    await fetch_with(sent, URL, {"method": "POST", "headers": {"X-A": "1"}, "body": "text"})
    assert sent.requests[0] is first.native
    made = sent.requests[1]
    assert (made.method, made.headers["X-A"], await made.text()) == ("POST", "1", "text")


def test_a_second_argument_is_one_too_many() -> None:
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        fetch(URL, {"method": "POST"})  # type: ignore[call-arg]  # that is the point


async def test_a_fetcher_is_what_it_goes_through() -> None:
    class Binding:
        def fetch(self, resource: Any, **options: Any) -> Any:
            return resource, options

    sent: Any = fetch(URL, fetcher=Binding(), method="POST")
    assert sent == (URL, {"method": "POST"})
