"""``workers.FormData``: a mapping whose keys may have several values."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from ..js.blobs import Blob as JsBlob
from ..js.blobs import File as JsFile
from ..js.blobs import FormData as JsFormData
from .blobs import Blob, File

__all__ = ["FormData"]


class FormData(MutableMapping[str, Any]):
    """The fields of a form.

    Args:
        form_data: None, a dict, or a FormData of ``js``.

    Attributes:
        js_object: The same as ``js`` has it.
    """

    def __init__(self, form_data: Any = None) -> None:
        if isinstance(form_data, JsFormData):
            self.js_object = form_data
            return
        self.js_object = JsFormData()
        if isinstance(form_data, FormData):
            for key, value in form_data.items():
                self.append(key, value)
        elif isinstance(form_data, Mapping):
            for key, value in form_data.items():
                self[key] = value
        elif form_data is not None:
            raise TypeError("Expected form_data to be a dict or an instance of FormData")

    def __getitem__(self, key: str) -> Any:
        values = self.get_all(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def __setitem__(self, key: str, value: Any) -> None:
        self.delete(key)
        for one in value if isinstance(value, list) else [value]:
            self.append(key, one)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self.js_object.has(key))

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self._pairs()])

    def __len__(self) -> int:
        return len(self._pairs())

    def _pairs(self) -> list[tuple[str, Any]]:
        return [(key, _python(value)) for key, value in self.js_object.entries()]

    def append(self, key: str, value: Any, filename: str | None = None) -> None:
        """Add a value; a Blob may have a file name."""
        given = _javascript(value)
        if filename is None:
            self.js_object.append(key, given)
        else:
            self.js_object.append(key, given, filename)

    def delete(self, key: str) -> None:
        """Remove all values of ``key``; it is no error when there is none."""
        self.js_object.delete(key)

    def get_all(self, key: str) -> list[Any]:
        """All values of ``key``."""
        return [_python(value) for value in self.js_object.getAll(key)]

    def keys(self) -> Any:
        """The keys, one for each value."""
        return [key for key, _ in self._pairs()]

    def values(self) -> Any:
        """The values."""
        return [value for _, value in self._pairs()]

    def items(self) -> Any:
        """Pairs of a key and a value; a key may come several times."""
        return self._pairs()


def _python(value: Any) -> Any:
    if isinstance(value, JsFile):
        return File.of(value)
    return Blob.of(value) if isinstance(value, JsBlob) else value


def _javascript(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return JsBlob([bytes(value)])
    return getattr(value, "js_object", value)
