"""Finding a file and reading it."""

from pathlib import Path

import pytest

from perdure.runtime.config.document import find_config, read_document
from perdure.runtime.config.errors import ConfigError, Problem


def refusal(path: Path) -> Problem:
    with pytest.raises(ConfigError) as raised:
        read_document(path)
    (problem,) = raised.value.problems
    assert problem.file == path
    return problem


def test_the_closest_file_upward_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "wrangler.toml").touch()
    assert find_config(deep) == tmp_path / "wrangler.toml"
    (tmp_path / "a" / "wrangler.toml").touch()
    assert find_config(deep) == tmp_path / "a" / "wrangler.toml"


def test_no_file_anywhere_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        find_config(tmp_path)
    (problem,) = raised.value.problems
    assert problem.file is None
    names = "wrangler.toml, wrangler.json or wrangler.jsonc"
    assert problem.message.startswith(f"There is no {names} in {tmp_path.resolve()}, nor")
    assert "perdure init" in problem.hint


def test_json_further_up_beats_toml_that_is_closer(tmp_path: Path) -> None:
    deep = tmp_path / "a"
    deep.mkdir()
    for file in (deep / "wrangler.toml", tmp_path / "wrangler.jsonc", tmp_path / "wrangler.json"):
        file.touch()
    assert find_config(deep) == tmp_path / "wrangler.json"
    (tmp_path / "wrangler.json").unlink()
    assert find_config(deep) == tmp_path / "wrangler.jsonc"
    (tmp_path / "wrangler.jsonc").unlink()
    assert find_config(deep) == deep / "wrangler.toml"


def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    problem = refusal(tmp_path / "other.toml")
    assert problem.message == "There is no such file."
    assert problem.hint == "Check the path given with -c."


def test_a_directory_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == "The file cannot be read: Is a directory."


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('name = "x\n', 1, 10, "Illegal character '\\n'"),
        ('name = "x"\n\nmain = nope\n', 3, 8, "Invalid value"),
        ("a = 1\na = 2\n", 2, 6, "Cannot overwrite a value"),
        ("[dev]\n[dev]\n", 2, 5, "Cannot declare ('dev',) twice"),
        ('a = """x\ny', 2, 2, "Unterminated string"),
        ("a = [1,\n  2\n\n", 2, 4, "Unclosed array"),
    ],
)
def test_a_syntax_error_has_its_place(
    tmp_path: Path, text: str, line: int, column: int, message: str
) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text(text)
    problem = refusal(path)
    assert (problem.line, problem.column, problem.message) == (line, column, message)
    assert problem.hint


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_bytes(b'a = 1\nb = "\xff"\n')
    problem = refusal(path)
    assert (problem.line, problem.message) == (2, "The file is not UTF-8 text.")


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text("a = " + "[" * 100_000)
    assert refusal(path).message == "Tables or arrays are nested too deeply."


@pytest.mark.parametrize("name", ["wrangler.json", "wrangler.jsonc"])
def test_json_is_read_with_comments_and_trailing_commas(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{ // one\n  "a": [1, 2, /* three */],\n}\n')
    document = read_document(path)
    assert document.values == {"a": [1, 2]}
    place = document.positions.find(("a", 1))
    assert place is not None
    assert (place.line, place.column) == (2, 12)


def test_a_slip_in_json_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.json"
    path.write_text('{\n  "a": 1\n  "b": 2\n}')
    problem = refusal(path)
    assert (problem.line, problem.column) == (3, 3)
    assert problem.message == "Expecting ',' delimiter"
    assert "A comma" in problem.hint


def test_json_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.json"
    path.write_text('{"a":' + "[" * 100_000)
    assert refusal(path).message == "Objects or arrays are nested too deeply."


def test_a_byte_order_mark_and_crlf_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_bytes("\ufeffa = 1\r\nb = 2\r\n".encode())
    document = read_document(path)
    assert document.values == {"a": 1, "b": 2}
    place = document.positions.find(("b",))
    assert place is not None
    assert (place.line, place.column) == (2, 1)
