"""``workers.FormData``."""

import pytest

from perdure.runtime.compat.js.blobs import FormData as JsFormData
from perdure.runtime.compat.sdk.blobs import Blob, File
from perdure.runtime.compat.sdk.forms import FormData


def test_a_key_may_have_several_values() -> None:
    form = FormData({"a": "1"})
    form.append("a", "2")
    form.append("b", "3")
    assert form["a"] == "1"
    assert form.get_all("a") == ["1", "2"]
    assert list(form.items()) == [("a", "1"), ("a", "2"), ("b", "3")]
    assert list(form.keys()) == list(form) == ["a", "a", "b"]
    assert list(form.values()) == ["1", "2", "3"]
    assert len(form) == 3
    form["a"] = "9"
    assert form.get_all("a") == ["9"]
    form["a"] = ["7", "8"]
    assert form.get_all("a") == ["7", "8"]


def test_what_is_not_there_is_a_key_error() -> None:
    form = FormData()
    with pytest.raises(KeyError):
        form["a"]
    with pytest.raises(KeyError):
        del form["a"]
    form.delete("a")
    assert "a" not in form
    assert form.get("a") is None


async def test_files_come_back_as_files() -> None:
    form = FormData()
    form.append("f", File(["x"], "a.txt"))
    form.append("b", b"bytes", "b.bin")
    form.append("c", Blob(["c"]))
    assert isinstance(form["f"], File)
    assert form["f"].name == "a.txt"
    assert (form["b"].name, await form["b"].bytes()) == ("b.bin", b"bytes")
    assert await form["c"].text() == "c"
    del form["f"]
    assert "f" not in form


def test_it_is_made_of_another() -> None:
    inner = JsFormData()
    inner.append("a", "1")
    assert FormData(inner).js_object is inner
    assert FormData(FormData(inner)).get_all("a") == ["1"]
    with pytest.raises(TypeError, match="Expected form_data to be a dict"):
        FormData(5)
