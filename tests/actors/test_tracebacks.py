"""An error is shown from its author's first line to their last."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from perdure.actors import tracebacks
from perdure.actors.tracebacks import keep_traceback, kept_traceback, user_traceback
from perdure.storage.errors import InternalError, UsageError

SOURCE = """
def call(function):
    return function()

def fail(error, cause=None):
    raise error from cause
"""


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that counts as one of perdure's own."""
    path = tmp_path / "ours.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("ours", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(tracebacks, "OURS", (f"{tmp_path.resolve()}/",))
    return module


def raised(function: Callable[..., object], *args: object) -> Exception:
    """What a call raises, with a traceback that begins in the function called."""
    try:
        function(*args)
    except Exception as error:
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    raise AssertionError("it did not raise")


def user() -> None:
    raise KeyError("gone")


def test_frames_of_ours_in_front_are_left_out(ours: ModuleType) -> None:
    text = user_traceback(raised(ours.call, user))
    assert "ours.py" not in text
    assert text.startswith("Traceback (most recent call last):\n")
    assert 'raise KeyError("gone")' in text
    assert text.endswith("KeyError: 'gone'")


def test_frames_of_ours_behind_are_left_out_when_we_raised_on_purpose(ours: ModuleType) -> None:
    def user() -> None:
        ours.fail(UsageError("say what"), KeyError("inside"))

    text = user_traceback(raised(ours.call, user))
    assert "ours.py" not in text
    assert "ours.fail(UsageError" in text
    assert "inside" not in text.splitlines()[-1]
    assert "direct cause" not in text
    assert text.endswith("UsageError: say what")


@pytest.mark.parametrize("error", [InternalError("oh"), AttributeError("oh")])
def test_a_bug_of_ours_keeps_its_frames_and_its_cause(ours: ModuleType, error: Exception) -> None:
    def user() -> None:
        ours.fail(error, KeyError("inside"))

    text = user_traceback(raised(ours.call, user))
    assert "raise error from cause" in text
    assert "direct cause" in text


def test_an_error_of_ours_that_user_code_raised_keeps_its_cause(ours: ModuleType) -> None:
    def user() -> None:
        raise UsageError("theirs") from KeyError("their cause")

    assert "KeyError: 'their cause'" in user_traceback(raised(ours.call, user))


def test_an_error_that_never_met_user_code_is_shown_whole(ours: ModuleType) -> None:
    assert "ours.py" in user_traceback(raised(ours.fail, UsageError("start failed")))


def test_an_error_that_was_never_raised_is_shown_too() -> None:
    assert user_traceback(KeyError("x")) == "KeyError: 'x'"


def test_causes_are_treated_alike(ours: ModuleType) -> None:
    def fail() -> None:
        raise ValueError("outer") from raised(ours.call, user)

    text = user_traceback(raised(fail))
    assert "ours.py" not in text
    assert "KeyError: 'gone'" in text
    assert "direct cause" in text


def test_what_happened_meanwhile_is_treated_alike(ours: ModuleType) -> None:
    error = ValueError("outer")
    error.__context__ = raised(ours.call, user)
    text = user_traceback(error)
    assert "ours.py" not in text
    assert "During handling" in text


def test_members_of_a_group_are_treated_alike(ours: ModuleType) -> None:
    def fail() -> None:
        raise ExceptionGroup("both", [raised(ours.call, user), raised(ours.call, user)])

    text = user_traceback(raised(fail))
    assert "ours.py" not in text
    assert text.count('raise KeyError("gone")') == 2


def test_the_error_itself_is_left_as_it_was(ours: ModuleType) -> None:
    error = raised(ours.call, user)
    before = error.__traceback__
    user_traceback(error)
    assert error.__traceback__ is before
    assert before is not None
    assert before.tb_frame.f_code.co_name == "call"


def test_of_an_error_of_another_process_the_traceback_is_what_that_says() -> None:
    error = ValueError("no")
    assert kept_traceback(error) is None
    keep_traceback(error, "Traceback (most recent call last):\n  ...\nValueError: no")
    assert user_traceback(error) == kept_traceback(error)
    assert str(user_traceback(error)).endswith("ValueError: no")
