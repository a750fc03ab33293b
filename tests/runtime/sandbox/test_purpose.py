from multidict import CIMultiDict

from perdure.actors.http import Request
from perdure.runtime.sandbox.purpose import FIELD, purpose_of, request_for, without_purpose


def lying() -> Request:
    fields = CIMultiDict([(FIELD, "port 1"), (FIELD.lower(), "port 2"), ("X-Own", "1")])
    return Request.incoming("POST", "http://h/%41", fields, b"body")


async def test_what_we_say_replaces_what_a_client_said() -> None:
    request = request_for(lying(), "preview", "8080 token")
    assert purpose_of(request) == ("preview", "8080 token")
    assert request.headers.get_all(FIELD) == ["preview 8080 token"]
    assert [request.url, await request.text()] == ["http://h/%41", "body"]


def test_a_request_for_nothing_says_nothing() -> None:
    request = without_purpose(lying())
    assert FIELD not in request.headers
    assert request.headers["X-Own"] == "1"
    assert purpose_of(request) == ("", "")
    assert purpose_of(request_for(lying(), "terminal")) == ("terminal", "")
