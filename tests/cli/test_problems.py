"""A problem is shown where it stands, with its source and what to do."""

from pathlib import Path

import pytest

from perdure.cli.output import Output
from perdure.cli.problems import counted, show_problems, shown_path
from perdure.runtime.config.errors import Problem, Severity


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *problems: Problem) -> str:
    show_problems(Output(), problems)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_the_source_is_marked_and_the_hint_stands_below(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "wrangler.toml"
    file.write_text('name = "x"\n\n[dev]\n  prt = 1\n')
    problem = Problem(file, "dev.prt", 4, 3, "No such key.", 'Did you mean "port"?\nport = 1')
    assert shown(capsys, problem) == (
        "wrangler.toml:4:3: error: No such key.\n"
        "  4 |   prt = 1\n"
        "    |   ^^^ dev.prt\n"
        '  Did you mean "port"?\n'
        "  port = 1\n"
        "\n"
    )


def test_a_key_path_that_is_the_key_is_not_repeated(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.toml").write_text("nmae = 1\n")
    problem = Problem(here / "a.toml", "nmae", 1, 1, "odd", severity=Severity.WARNING)
    assert shown(capsys, problem) == ("a.toml:1:1: warning: odd\n  1 | nmae = 1\n    | ^^^^\n\n")


def test_a_mark_stands_below_its_key_after_wide_characters_and_tabs(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.toml").write_text('\t"漢字" = { "b c" = 1 }\n')
    _, source, mark, *_ = shown(capsys, Problem(here / "a.toml", "x", 1, 11, "odd")).splitlines()
    assert source == '  1 |  "漢字" = { "b c" = 1 }'
    assert mark == "    |" + " " * 13 + "^^^^^ x"


def test_a_line_without_a_column_is_shown_with_the_key_path(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.toml").write_text("\n[[durable_objects.bindings]]\n")
    problem = Problem(here / "a.toml", "durable_objects.bindings[0]", 2, None, "odd")
    assert shown(capsys, problem).splitlines()[1:3] == [
        "  2 | [[durable_objects.bindings]]",
        "    | durable_objects.bindings[0]",
    ]


def test_a_place_beyond_the_text_has_no_source(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.toml").write_text("x = [\n")
    text = shown(capsys, Problem(here / "a.toml", "", 9, 6, "unclosed"))
    assert text == "a.toml:9:6: error: unclosed\n\n"


def test_a_file_that_is_gone_has_no_source(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, Problem(Path("gone.toml").absolute(), "x", 1, 1, "odd"))
    assert text == "gone.toml:1:1: error: odd\n  at x\n\n"


def test_a_secret_is_not_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".dev.vars", "secrets.env"):
        (here / name).write_text("TOKEN hunter2\n")
        text = shown(capsys, Problem(here / name, "TOKEN", 1, None, "no =", is_secret=True))
        assert "hunter2" not in text
        assert f"{name}:1: error: no =" in text


def test_the_command_line_is_a_place_too(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, Problem(None, "--var", None, None, "takes NAME:value"))
    assert text == "command line: error: takes NAME:value\n  at --var\n\n"


def test_a_very_long_line_is_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.toml").write_text(f"x = '{'y' * 1000}'\n")
    assert "yyy" not in shown(capsys, Problem(here / "a.toml", "x", 1, 1, "odd"))


def test_problems_are_counted_by_severity() -> None:
    problems = [
        Problem(None, "", None, None, "", severity=severity)
        for severity in (Severity.NOTE, Severity.ERROR, Severity.WARNING, Severity.ERROR)
    ]
    assert counted(problems) == "2 errors, 1 warning, 1 note"
    assert counted(problems[:1]) == "1 note"
    assert counted([]) == ""


def test_paths_are_shown_from_here(here: Path) -> None:
    assert shown_path(here / "a" / "b") == "a/b"
    assert shown_path(here.parent / "b") == str(here.parent / "b")
