"""What a sandbox answers."""

import dataclasses
import inspect
from typing import Any, cast

from perdure.actors.packing import pack
from perdure.actors.records import Record
from perdure.actors.rpc_stub import unpack
from perdure.runtime.sandbox import results
from perdure.runtime.sandbox.results import ReadFileResult, timestamp_of


def test_moments_are_iso_8601_in_utc() -> None:
    assert timestamp_of(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp_of(1.2345) == "1970-01-01T00:00:01.234Z"
    assert timestamp_of() > "2026"


def test_all_of_them_are_values_that_calls_carry() -> None:
    found = [
        cls
        for _, cls in inspect.getmembers(results, inspect.isclass)
        if cls.__module__ == results.__name__
    ]
    assert ReadFileResult in found
    for cls in found:
        assert issubclass(cls, Record)
        value = cls(**{each.name: each.name for each in dataclasses.fields(cast("Any", cls))})
        assert unpack(pack(value, "it", None), None) == value
