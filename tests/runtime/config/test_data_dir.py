"""Where a Worker's state is kept."""

from dataclasses import replace
from pathlib import Path

from perdure.runtime.config.data_dir import data_dir_of
from tests.serving import Serving


def test_what_was_asked_for_wins_then_the_file_then_ours(tmp_path: Path) -> None:
    config = Serving(tmp_path).write("", objects=[])
    assert data_dir_of(config) == config.base_dir / ".perdure"
    assert data_dir_of(replace(config, env_name="staging")).name == ".perdure-staging"
    named = replace(config, perdure=replace(config.perdure, data_dir=tmp_path / "there"))
    assert data_dir_of(named) == tmp_path / "there"
    assert data_dir_of(named, Path("here")) == Path.cwd() / "here"
