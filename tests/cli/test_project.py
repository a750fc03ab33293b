"""Which configuration, and whose data."""

from pathlib import Path

import pytest

from perdure.cli.project import open_project, with_processes, with_tls
from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.model import TlsConfig


def add(project: Path, text: str) -> None:
    path = project / "wrangler.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


@pytest.mark.parametrize(
    ("in_file", "option", "expected"),
    [(None, None, 7), (None, 0, 0), (3, None, 3), (0, None, 0), (3, 1, 1)],
)
def test_the_number_of_workers_is_said_or_that_of_the_command(
    project: Path, in_file: int | None, option: int | None, expected: int
) -> None:
    if in_file is not None:
        add(project, f"[perdure]\nworkers = {in_file}")
    opened = open_project(project / "wrangler.toml", None, None)
    perdure = with_processes(opened, option, None, workers_default=7).config.perdure
    assert (perdure.workers, perdure.routers) == (expected, 1)


def test_the_configuration_is_found_from_below(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "src")
    opened = open_project(None, None, None)
    assert opened.config.path == project / "wrangler.toml"
    assert opened.data_dir == project / ".perdure"
    assert opened.warnings == ()


def test_a_configuration_may_be_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    opened = open_project(Path("project/wrangler.toml"), None, None)
    assert opened.data_dir == project / ".perdure"
    assert opened.shown_data_dir == "project/.perdure"


def test_no_configuration_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"There is no wrangler\.toml"):
        open_project(None, None, None)


def test_an_environment_has_a_directory_of_its_own(project: Path) -> None:
    add(project, "[env.next]")
    config = project / "wrangler.toml"
    assert open_project(config, "next", None).data_dir == project / ".perdure-next"
    assert open_project(config, "", None).data_dir == project / ".perdure"


def test_the_configuration_s_directory_wins_over_the_usual_one(project: Path) -> None:
    add(project, '[perdure]\ndata_dir = "state"')
    assert open_project(project / "wrangler.toml", None, None).data_dir == project / "state"


def test_the_option_wins_over_both_and_starts_from_here(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add(project, '[perdure]\ndata_dir = "state"')
    opened = open_project(project / "wrangler.toml", None, Path("mine"))
    assert opened.data_dir == tmp_path / "mine"


def test_values_from_the_command_line_are_in_the_configuration(project: Path) -> None:
    opened = open_project(project / "wrangler.toml", None, None, ["URL:http://x", "EMPTY:"])
    assert opened.config.vars == {"URL": "http://x", "EMPTY": ""}


def test_a_malformed_value_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--var takes NAME:value"):
        open_project(tmp_path / "nothing.toml", None, None, ["URL=x"])


def test_the_command_line_may_bring_a_certificate(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    add(project, '[perdure.tls]\ncert = "tls/a.pem"\nkey = "tls/b.pem"\nmin_version = "1.3"')
    opened = open_project(None, None, None)
    assert with_tls(opened, None, None) is opened
    given = with_tls(opened, Path("c.pem"), None).config.perdure.tls
    assert given == TlsConfig(project / "c.pem", None, "1.3"), "the key was that of another"
    given = with_tls(opened, Path("c.pem"), Path("/k.pem")).config.perdure.tls
    assert given == TlsConfig(project / "c.pem", Path("/k.pem"), "1.3")


def test_a_key_without_a_certificate_is_a_mistake(project: Path) -> None:
    opened = open_project(project / "wrangler.toml", None, None)
    with pytest.raises(ConfigError, match="--tls-cert"):
        with_tls(opened, None, Path("key.pem"))


def test_files_of_values_start_from_the_configuration(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "local.env").write_text("GREETING=hi\n")
    monkeypatch.chdir(project.parent)
    config = Path("project/wrangler.toml")
    opened = open_project(config, None, None, ["NAME:you"], ["local.env"])
    assert opened.config.vars == {"GREETING": "hi", "NAME": "you"}
    assert opened.env_files == (project / "local.env",)
