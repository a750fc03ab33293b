"""``workers.fetch``."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.http import Request as NativeRequest
from perdure.actors.http import Response as NativeResponse
from perdure.runtime.compat.js.abort import AbortController, AbortSignal
from perdure.runtime.compat.js.errors import DOMException
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.pyodide.fetching import AbortError
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

    binding: Any = Binding()
    for fetcher in (binding, binding.fetch):
        sent: Any = fetch(URL, fetcher=fetcher, method="POST")
        assert sent == (URL, {"method": "POST"})


class Silent:
    """Never answers."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[NativeResponse]] = []

    def __call__(self, request: NativeRequest) -> "asyncio.Future[NativeResponse]":
        answer: asyncio.Future[NativeResponse] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return answer


@pytest.mark.parametrize(
    "make",
    [
        lambda signal: (URL, {"signal": signal}),
        lambda signal: (Request(URL, signal=signal), {}),
        lambda signal: (JsRequest(URL, signal=signal), {"method": "PUT"}),
    ],
)
async def test_a_signal_calls_it_off(make: Callable[[AbortSignal], tuple[Any, Any]]) -> None:
    silent, controller = Silent(), AbortController()
    sent = asyncio.ensure_future(fetch_with(silent, *make(controller.signal)))
    await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(AbortError, match="The operation was aborted"):
        await sent
    assert silent.answers[0].cancelled()
    with pytest.raises(AbortError):
        await fetch_with(silent, *make(controller.signal))
    assert len(silent.answers) == 1


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        (ValueError("enough"), ValueError),
        (DOMException("too late", "TimeoutError"), OSError),
    ],
)
async def test_what_called_it_off_is_raised(reason: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=r"enough|too late"):
        await fetch_with(Silent(), URL, {"signal": AbortSignal.abort(reason)})


async def test_who_waits_for_it_can_be_cancelled_as_ever() -> None:
    silent = Silent()
    sent = asyncio.ensure_future(fetch_with(silent, URL, {"signal": AbortController().signal}))
    await asyncio.sleep(0)
    sent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent
    assert silent.answers[0].cancelled()


async def test_a_signal_that_says_nothing_changes_nothing() -> None:
    response = await fetch_with(Sent(), URL, {"signal": AbortController().signal})
    assert await response.text() == "answer"


def test_a_signal_is_one() -> None:
    with pytest.raises(TypeError, match="signal is an AbortSignal of js, not int"):
        fetch(URL, signal=5)
