"""Errors of links travel as others do."""

import pytest

from perdure.actors.rpc import decode_error, encode_error
from perdure.runtime.shards.link.errors import (
    BodyLost,
    ClassGone,
    LinkOverloaded,
    VersionsDiffer,
    WorkerLost,
)


@pytest.mark.parametrize("may_have_run", [True, False])
def test_a_lost_worker_says_whether_the_call_can_be_made_again(may_have_run: bool) -> None:
    error = decode_error(encode_error(WorkerLost("1", "killed", may_have_run)))
    assert isinstance(error, WorkerLost)
    assert (error.slot, error.reason, error.may_have_run) == ("1", "killed", may_have_run)
    assert error.retryable is not may_have_run
    assert not error.remote
    assert not error.overloaded
    assert "worker 1 is gone (killed)" in str(error)
    assert ("may or may not" in str(error)) is may_have_run


def test_a_stub_is_broken_by_a_lost_worker_as_by_a_reset_actor() -> None:
    assert WorkerLost(None, "killed", may_have_run=False).durable_object_reset


def test_an_overloaded_link_says_so() -> None:
    error = decode_error(encode_error(LinkOverloaded("2", 5_000_000)))
    assert isinstance(error, LinkOverloaded)
    assert error.overloaded
    assert not error.retryable
    assert "worker 2" in str(error)
    assert "5,000,000" in str(error)


def test_a_class_that_is_gone_is_not_asked_for_again() -> None:
    error = decode_error(encode_error(ClassGone("1")))
    assert isinstance(error, ClassGone)
    assert not error.retryable
    assert "worker 1 runs newer code" in str(error)


def test_a_lost_body_is_a_lost_connection() -> None:
    error = decode_error(encode_error(BodyLost("killed")))
    assert isinstance(error, ConnectionError)
    assert str(error) == "the process that was sending this body is gone: killed"


def test_both_versions_are_named() -> None:
    assert "perdure 1.0" in str(VersionsDiffer("1.0", "2.0"))
    assert "perdure 2.0" in str(VersionsDiffer("1.0", "2.0"))
