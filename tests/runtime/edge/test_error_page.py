"""What a developer sees when a handler has raised."""

import re
import sys
from pathlib import Path
from types import ModuleType

from perdure.actors.rpc import decode_error, decode_shown, encode_error
from perdure.runtime.edge.error_page import error_page, error_text
from tests.serving import load_module

PROGRAM = """
def outer(value):
    # before
    return inner(value)


def inner(value):
    raise ValueError(f"no <b>good</b>: {value}")
"""


def raised(module: ModuleType, value: object = 5) -> BaseException:
    try:
        module.outer(value)
    except ValueError as error:
        return error
    raise AssertionError("it did not raise")


def text_of(page: str) -> str:
    return re.sub(r"<[^>]+>", "\n", page)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?) <span>in (?:.*?)</span></h2>", page)


def test_the_text_is_the_users_traceback(tmp_path: Path) -> None:
    error = raised(load_module(tmp_path, PROGRAM))
    text = error_text(error)
    assert text.startswith("Traceback (most recent call last):")
    assert "return inner(value)" in text
    assert text.endswith("ValueError: no <b>good</b>: 5")


def test_the_page_shows_each_frame_with_the_lines_around(tmp_path: Path) -> None:
    module = load_module(tmp_path, PROGRAM)
    page = error_page(raised(module), "GET", "/a?b=1")
    assert page.startswith("<!doctype html>")
    inner, outer = headings(page)[:2]
    assert inner == f"{module.__file__}:8"
    assert outer == f"{module.__file__}:4"
    assert "<div class=hot><i>4</i>    return inner(value)</div>" in page
    assert "<i>3</i>    # before</div>" in page
    assert "GET /a?b=1" in text_of(page)


def test_nothing_of_the_error_becomes_markup(tmp_path: Path) -> None:
    error = raised(load_module(tmp_path, PROGRAM), "<script>alert(1)</script>")
    page = error_page(error, "GET", "/<script>alert(2)</script>")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page
    assert "<title>ValueError: no &lt;b&gt;good&lt;/b&gt;" in page


def test_an_error_of_an_actor_shows_the_actors_lines_first(tmp_path: Path) -> None:
    module = load_module(tmp_path, PROGRAM)
    there = decode_error(encode_error(raised(module)))
    page = error_page(there, "GET", "/")
    assert headings(page)[:2] == [f"{module.__file__}:8", f"{module.__file__}:4"]
    title = re.search(r"<h1>(.*?)</h1>", page)
    assert title is not None
    assert title[1] == "ValueError: no &lt;b&gt;good&lt;/b&gt;: 5", "the traceback is elsewhere"


def test_frames_of_ours_have_no_section(tmp_path: Path) -> None:
    ours = str(Path(encode_error.__code__.co_filename).resolve().parents[1])
    there = decode_error(encode_error(raised(load_module(tmp_path, PROGRAM))))
    there.add_note(f'  File "{ours}/actors/task.py", line 3, in step')
    there.add_note('  File "/elsewhere/theirs.py", line 3, in step')
    page = error_page(there, "GET", "/")
    assert f"{ours}/actors/task.py:3 <span>" not in page
    assert "<h2>/elsewhere/theirs.py:3 <span>in step</span></h2></section>" in page


def test_source_that_is_gone_or_shorter_now_is_left_out(tmp_path: Path) -> None:
    module = load_module(tmp_path, PROGRAM)
    error = raised(module)
    assert module.__file__ is not None
    Path(module.__file__).write_text("# one line\n")
    assert "# one line" not in error_page(error, "GET", "/").split("<details>")[0]
    Path(module.__file__).unlink()
    assert headings(error_page(error, "GET", "/"))


class Wordless(Exception):
    def __str__(self) -> str:
        raise KeyError("no words")


def test_errors_without_a_text_or_a_traceback_have_a_page() -> None:
    assert "<h1>RuntimeError</h1>" in error_page(RuntimeError(), "GET", "/")
    assert "<h1>RuntimeError: \n</h1>" in error_page(RuntimeError("\n"), "GET", "/")
    page = error_page(Wordless(), "GET", "/")
    assert "<h1>Wordless: &lt;its __str__ raised KeyError&gt;</h1>" in page


def test_causes_are_in_the_whole_traceback(tmp_path: Path) -> None:
    try:
        raise KeyError("missing") from raised(load_module(tmp_path, PROGRAM))
    except KeyError as error:
        page = error_page(error, "GET", "/")
    whole = page.split("<details>")[1]
    assert "The above exception was the direct cause of the following exception" in whole
    assert "no &lt;b&gt;good&lt;/b&gt;: 5" in whole


def test_an_error_of_another_process_is_shown_as_that_would(tmp_path: Path) -> None:
    program = PROGRAM.replace("raise ValueError", "raise Unlucky") + (
        "\n\nclass Unlucky(ValueError):\n    pass\n"
    )
    module = load_module(tmp_path, program)
    there = raised(module)
    sys.modules.pop(module.__name__, None)  # no user code is imported in a router
    here = decode_shown(encode_error(there))
    assert error_text(here) == error_text(there)
    assert error_page(here, "GET", "/") == error_page(there, "GET", "/")
