"""``workers.Blob`` and ``workers.File``."""

from perdure.runtime.compat.js.blobs import Blob as JsBlob
from perdure.runtime.compat.js.blobs import File as JsFile
from perdure.runtime.compat.sdk.blobs import Blob, File


async def test_a_blob_is_made_of_parts() -> None:
    blob = Blob(["a", b"b", Blob("c"), JsBlob(["d"])], content_type="Text/Plain")
    assert (blob.size, blob.content_type) == (4, "text/plain")
    assert await blob.text() == "abcd"
    assert await blob.bytes() == b"abcd"


async def test_some_of_a_blob_is_a_blob() -> None:
    assert await Blob(["abcd"]).slice(1, 3, "x/y").text() == "bc"
    assert Blob(["abcd"]).slice(1, 3, "x/y").content_type == "x/y"
    assert await Blob(["abcd"]).slice().text() == "abcd"


async def test_a_file_has_a_name_and_a_time() -> None:
    file = File(["x"], "a.txt", content_type="text/plain", endings="native", last_modified=5)
    assert (file.name, file.last_modified, file.size) == ("a.txt", 5, 1)
    assert isinstance(file.js_object, JsFile)
    assert File(["x"], "a").last_modified > 0


async def test_one_of_a_single_blob_has_its_type() -> None:
    text = Blob("text", content_type="text/plain")
    assert Blob(text).content_type == Blob(text.js_object).content_type == "text/plain"
    assert Blob(text, content_type="text/css").content_type == "text/css"
    assert Blob([text]).content_type == ""
    assert await Blob(text).text() == "text"


async def test_a_file_of_a_single_file_has_its_type_and_age() -> None:
    first = File(memoryview(b"data"), "a.bin", content_type="a/b", last_modified=5)
    second = File(first, "b.bin")
    assert (second.name, second.content_type, second.last_modified) == ("b.bin", "a/b", 5)
    assert await second.bytes() == b"data"
