"""``Blob``, ``File`` and ``FormData``."""

import time
import types

from perdure.actors.form import parse_form
from perdure.runtime.compat.js.blobs import Blob, FormData
from perdure.runtime.compat.js.pyproxies import PyProxy


async def test_a_blob_is_read_in_all_ways(js: types.ModuleType) -> None:
    blob = js.Blob.new(["hé", b"\0", js.Uint8Array.new(b"x")], type="Text/Plain")
    data = "hé".encode() + b"\0x"
    assert (blob.size, blob.type) == (5, "text/plain")
    assert await blob.text() == "hé\0x"
    assert (await blob.arrayBuffer()).to_bytes() == (await blob.bytes()).to_bytes() == data
    assert blob.to_bytes() == data
    assert [chunk.to_bytes() async for chunk in blob.stream()] == [data]
    part = blob.slice(-2, None, "a/b")
    assert (part.to_bytes(), part.type) == (b"\0x", "a/b")
    assert js.Blob.new([blob, PyProxy(b"y")]).to_bytes() == data + b"y"
    assert js.Blob.new().size == 0


def test_a_file_has_a_name_and_a_time(js: types.ModuleType) -> None:
    file = js.File.new(["x"], "a.txt", js.Object.new(type="t/p", lastModified=5))
    assert (file.name, file.type, file.lastModified, file.size) == ("a.txt", "t/p", 5, 1)
    assert isinstance(file, js.Blob)
    assert file.constructor.name == "File"
    assert js.File.new([], "b").lastModified <= time.time() * 1000


def test_a_form_has_names_with_values(js: types.ModuleType) -> None:
    form = js.FormData.new()
    form.append("a", 1)
    form.append("a", "2")
    form.append("file", js.Blob.new(["x"], type="t/p"), "n.txt")
    assert (form.get("a"), form.getAll("a"), form.get("none")) == ("1", ["1", "2"], None)
    file = form.get("file")
    assert (file.name, file.type, file.constructor.name) == ("n.txt", "t/p", "File")
    assert (form.has("a"), "b" in form) == (True, False)
    form.set("a", "3")
    form.set("b", "4")
    assert list(form.keys()) == ["a", "file", "b"]
    assert [value for name, value in form if name != "file"] == ["3", "4"]
    form.delete("file")
    assert list(form.values()) == ["3", "4"]
    seen: list[str] = []
    form.forEach(lambda value, name, source: seen.append(name + value))
    assert seen == ["a3", "b4"]
    assert FormData({"x": "1"}).get("x") == "1"
    form.append("blob", js.Blob.new([]))
    assert form.get("blob").name == "blob"


async def test_a_form_survives_the_wire(js: types.ModuleType) -> None:
    form = js.FormData.new()
    form.append('na"me\r\n', "valüe")
    form.append("f", js.File.new([b"\r\n--\0"], 'a"b.bin'))
    data, kind = form.encoded()
    again = FormData.of(parse_form(data, kind, "request").items())
    assert again.get('na"me\r\n') == "valüe"
    file = again.get("f")
    assert (file.name, file.to_bytes(), file.type) == (
        'a"b.bin',
        b"\r\n--\0",
        "application/octet-stream",
    )
    assert isinstance(file, Blob)
