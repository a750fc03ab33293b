"""All names of the module ``js``."""

import sys
import types

import pytest

from perdure.runtime.compat.js.namespace import NAMES, make_module

# API.md 1.11, both lists: what code in the wild imports.
IN_THE_WILD = [
    "Response",
    "Object",
    "fetch",
    "Date",
    "Request",
    "Headers",
    "URL",
    "WebSocketPair",
    "Error",
    "JSON",
    "WebSocket",
    "Uint8Array",
    "FormData",
    "console",
    "TextDecoder",
    "setTimeout",
    "undefined",
    "Number",
    "Set",
    "Map",
    "RegExp",
    "ArrayBuffer",
    "DataView",
    "Int16Array",
    "Blob",
    "ReadableStream",
    "crypto",
    "HTMLRewriter",
    "File",
    "globalThis",
    "process",
    "WebSocketRequestResponsePair",
    "queueMicrotask",
    "caches",
    "TransformStream",
    "AbortController",
    "Array",
]


@pytest.mark.parametrize("name", IN_THE_WILD)
def test_a_name_of_the_wild_is_there(js: types.ModuleType, name: str) -> None:
    assert name in vars(js)
    assert name in js.__all__


def test_each_class_has_its_own_name() -> None:
    aliases = {"IdentityTransformStream", "self", "globalThis"}
    for name, thing in NAMES.items():
        if isinstance(thing, type) and name not in aliases:
            assert thing.name == name  # type: ignore[attr-defined]  # of a JsClass


def test_a_name_that_is_not_there_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "js", make_module())
    with pytest.raises(ImportError):
        from js import nonsense  # type: ignore[import-not-found]  # noqa: F401  # that is the point
    with pytest.raises(AttributeError, match="module 'js' on perdure has no 'nonsense'"):
        sys.modules["js"].nonsense


def test_global_this_has_all_names_and_takes_more(js: types.ModuleType) -> None:
    assert js.globalThis.Response is js.Response
    assert js.self is js.globalThis
    js.globalThis.mine = 5
    assert js.globalThis.mine == 5
    assert "Response" in js.Object.keys(js.globalThis)
    assert not hasattr(js.globalThis, "nonsense")
    del js.globalThis.mine
