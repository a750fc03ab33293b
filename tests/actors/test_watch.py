"""Nobody watches until somebody does; what leaves tells of its trace."""

from collections.abc import Iterator, Mapping

import pytest

from perdure.actors.http import Request
from perdure.actors.watch import EventTrace, Traced, TracedTurn, Watch, watch, with_trace


class Names:
    """A tracer whose traces are header fields, and nothing else."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        return None

    def outgoing(self) -> Mapping[str, str]:
        return self._fields


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    yield
    watch.tracer = None


def test_nobody_watches_at_first() -> None:
    found = Watch()
    assert (found.tell, found.tracer) == (None, None)


def test_a_request_outside_of_a_trace_is_sent_as_it_is() -> None:
    request = Request("http://a/")
    assert with_trace(request) is request
    watch.tracer = Names({})
    assert with_trace(request) is request


def test_a_request_of_a_trace_gets_its_fields_and_keeps_its_body() -> None:
    watch.tracer = Names({"traceparent": "00-new"})
    request = Request("http://a/", method="POST", body="x", headers={"traceparent": "00-old"})
    sent = with_trace(request)
    assert sent.headers["traceparent"] == "00-new"
    assert (sent.method, sent.url, sent.take_content()) == ("POST", "http://a/", b"x")


def test_a_request_that_came_in_can_be_passed_on() -> None:
    watch.tracer = Names({"traceparent": "00-new"})
    incoming = Request.incoming("GET", "http://a/", Request("http://a/").header_fields())
    assert with_trace(incoming).headers["traceparent"] == "00-new"
    assert "traceparent" not in incoming.headers
