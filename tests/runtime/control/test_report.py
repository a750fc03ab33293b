"""What a process says of itself arrives as it was."""

import pytest
from msgpack import packb

from perdure.runtime.control.families import COUNTER, MAX, Family, single
from perdure.runtime.control.report import Report
from perdure.storage.errors import InternalError


def test_it_arrives_as_it_was() -> None:
    labels = ("namespace", "event")
    family = Family("lives", COUNTER, "Lives.", labels, MAX, {("app-Room", "started"): (3.0,)})
    report = Report.of([family, single("actors", "Actors.", 2.0)], ["the disk is full"])
    assert Report.decode(report.encode()) == report


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        packb([[], None]),
        packb([[["name", "kind"]], []]),
        packb([[["name", "counter", "", [], "least", []]], []]),
        packb([[["name", "counter", "", [], "sum", [[[], ["text"]]]]], []]),
    ],
)
def test_anything_else_is_not_believed(data: bytes) -> None:
    with pytest.raises(InternalError):
        Report.decode(data)
