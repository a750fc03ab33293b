"""Which event loop a process gets."""

import sys

import pytest
import uvloop

from perdure.runtime.fast_loop import find_fast_loop


def test_uvloop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_fast_loop() is uvloop.new_event_loop
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert find_fast_loop() is None
