"""Python objects as JavaScript holds them: what ``create_proxy`` gives.

Nothing has to be destroyed here: Python's own memory management does it. A proxy that was
destroyed raises when it is called, as on the platform, so that programs do not come to rely on it.
"""

from collections.abc import Callable
from typing import Any

from .buffers import Uint8Array
from .errors import Error
from .proxies import JsProxy
from .values import JsDict

_GONE = "Object has already been destroyed"


class PyProxy(JsProxy, js_name="Function"):
    """A Python object as JavaScript sees it; calls and attributes are those of the object."""

    def __init__(self, held: Any, *, is_once: bool = False) -> None:
        self._held = held
        self._is_once = is_once
        self._is_destroyed = False

    @property
    def is_callable(self) -> bool:
        """Whether there is something to call."""
        return callable(self._held)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        held = self.to_native()
        if self._is_once:
            self.destroy()
        return held(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._held, name)

    def __eq__(self, other: object) -> bool:
        held = other._held if isinstance(other, PyProxy) else other
        return held is self._held or bool(held == self._held)

    def __hash__(self) -> int:
        return hash(self._held)

    def __repr__(self) -> str:
        return f"<proxy of {self._held!r}>"

    def to_native(self) -> Any:
        """The object itself.

        Raises:
            Error: The proxy was destroyed.
        """
        if self._is_destroyed:
            raise Error(_GONE)
        return self._held

    unwrap = to_native

    def to_py(self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None) -> Any:
        """The object itself."""
        del depth, default_converter
        return self.to_native()

    def copy(self) -> "PyProxy":
        """One more proxy of the same object."""
        return PyProxy(self.to_native())

    def destroy(self, message: str | None = None) -> None:
        """The program is done with it."""
        del message
        self._is_destroyed = True

    def getBuffer(self, type: str | None = None) -> JsDict:
        """The bytes of a buffer: ``data`` is a Uint8Array, and ``release()`` lets go of it."""
        del type
        data = Uint8Array(bytes(memoryview(self.to_native()).cast("B")))
        return JsDict({"data": data, "release": lambda: None, "nbytes": data.byteLength})


def unwrapped(value: Any) -> Any:
    """The Python object behind a proxy; anything else is itself."""
    return value._held if isinstance(value, PyProxy) else value  # noqa: SLF001  # of this file
