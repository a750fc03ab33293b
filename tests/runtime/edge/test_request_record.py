"""What the log and the metrics are told of a request."""

import dataclasses

import pytest

from perdure.runtime.edge.request_record import CLIENT_GONE, RequestRecord


def test_a_record_cannot_be_changed_by_one_of_those_who_are_told() -> None:
    record = RequestRecord("GET", "/", CLIENT_GONE, 0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.status = 200  # type: ignore[misc]  # what is tried


def test_a_client_that_left_is_told_from_every_status_of_a_program() -> None:
    assert CLIENT_GONE == 499  # as nginx logs it, which dashboards know
