"""An error begins where its author's code begins."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from perdure.runtime.observe import tracebacks
from perdure.runtime.observe.tracebacks import user_traceback
from perdure.storage.values import encode

HERE = str(Path(__file__))


def error_of(function: Callable[[], object]) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("it did not raise")


def ours(tmp_path: Path, monkeypatch: object) -> ModuleType:
    """A module that counts as one of perdure's own, with a function that calls another."""
    path = tmp_path / "ours.py"
    path.write_text("def call(function):\n    return function()\n")
    spec = importlib.util.spec_from_file_location("ours", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(tracebacks, "OURS", (f"{tmp_path.resolve()}/",))  # type: ignore[attr-defined]
    return module


def user() -> None:
    raise KeyError("gone")


def test_frames_of_ours_in_front_are_left_out(tmp_path: Path, monkeypatch: object) -> None:
    call = ours(tmp_path, monkeypatch).call
    error = error_of(lambda: call(user))
    # The test itself stands in front of it all here; in a server it does not.
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    text = user_traceback(error)
    assert "ours.py" not in text
    assert text.startswith("Traceback (most recent call last):")
    assert 'raise KeyError("gone")' in text
    assert text.endswith("KeyError: 'gone'")


def test_frames_of_ours_that_the_user_called_stay() -> None:
    text = user_traceback(error_of(lambda: encode(object())))
    assert text.index(HERE) < text.rindex("storage/values.py")


def test_an_error_of_ours_alone_is_shown_whole(tmp_path: Path, monkeypatch: object) -> None:
    module = ours(tmp_path, monkeypatch)
    error = error_of(lambda: module.call(None))
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert "ours.py" in user_traceback(error)


def test_causes_are_treated_alike(tmp_path: Path, monkeypatch: object) -> None:
    call = ours(tmp_path, monkeypatch).call

    def fail() -> None:
        inner = error_of(lambda: call(user))
        for _ in range(2):
            assert inner.__traceback__ is not None
            inner.__traceback__ = inner.__traceback__.tb_next
        raise ValueError("outer") from inner

    text = user_traceback(error_of(fail))
    assert "ours.py" not in text
    assert "KeyError: 'gone'" in text
    assert "direct cause" in text


def test_the_error_itself_is_left_as_it_was() -> None:
    error = error_of(user)
    before = error.__traceback__
    user_traceback(error)
    assert error.__traceback__ is before
