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
