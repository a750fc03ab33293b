"""The values are fixed once they are made."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from perdure.runtime.config.model import DevConfig, WorkerConfig


def test_a_config_cannot_be_changed() -> None:
    config = WorkerConfig("chat", Path("main.py"), Path("wrangler.toml"), Path())
    with pytest.raises(FrozenInstanceError):
        config.name = "other"  # type: ignore[misc]


def test_a_config_that_says_little_has_wranglers_defaults() -> None:
    config = WorkerConfig("chat", Path("main.py"), Path("wrangler.toml"), Path())
    assert config.dev == DevConfig("127.0.0.1", 8787, port_explicit=False)
    assert (config.vars, config.bindings, config.migrations) == ({}, (), ())
