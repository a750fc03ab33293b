# Pure: no clock, no files.
"""What the platform has and perdure does not: it can be imported, and says so when it is used."""

from typing import Any, NoReturn

from .errors import NotAvailable
from .proxies import JsProxy

INSTEAD = {
    "caches": "keep what is to be cached in a Durable Object's storage",
    "HTMLRewriter": "use a Python package such as lxml or beautifulsoup4",
    "CompressionStream": "use the module zlib",
    "DecompressionStream": "use the module zlib",
    "TextDecoderStream": "use TextDecoder with stream=True",
    "TextEncoderStream": "use TextEncoder",
    "EventSource": "read the body of fetch() as a stream",
    "WebAssembly": "use a Python package with its own binary module",
    "MessageChannel": "use asyncio.Queue",
    "MessagePort": "use asyncio.Queue",
    "BroadcastChannel": "send to the sockets of one Durable Object",
    "URLPattern": "use the module re on URL.pathname",
    "Intl": "use the package babel",
    "process": "bindings and variables are attributes of self.env",
    "navigator": "there is no browser here",
    "document": "there is no page here",
    "window": "there is no page here; globalThis is there",
    "localStorage": "use a Durable Object's storage",
    "XMLHttpRequest": "use fetch",
    "WeakMap": "use the module weakref",
    "WeakSet": "use the module weakref",
    "WeakRef": "use the module weakref",
    "Proxy": "write a class with __getattr__",
    "Reflect": "use getattr and setattr",
    "Symbol": "use object()",
    "Function": "write a Python function",
    "eval": "there is no JavaScript here; write it in Python",
}

MODULES = {
    "cloudflare:email": "use smtplib, or aiosmtplib from PyPI",
    "cloudflare:sockets": "use asyncio.open_connection",
    "cloudflare:workflows": "go through the steps in an actor's alarms",
}


class Absent(JsProxy):
    """A name that is known and cannot be used; calling it or asking it for anything raises."""

    def __init__(self, what: str, instead: str) -> None:
        vars(self)["_said"] = (what, instead)

    def _refuse(self) -> NoReturn:
        raise NotAvailable(*vars(self)["_said"])

    def __call__(self, *arguments: Any, **options: Any) -> NoReturn:
        del arguments, options
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what Python asks of any object
            raise AttributeError(name)
        self._refuse()

    def __repr__(self) -> str:
        return f"<{vars(self)['_said'][0]}: not available on perdure>"


class AbsentModule(JsProxy, js_name="Module"):
    """A module of the platform's: names can be taken out of it, and none of them be used."""

    def __init__(self, name: str, instead: str) -> None:
        vars(self)["_said"] = (name, instead)

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):  # what Python asks of any object
            raise AttributeError(name)
        module, instead = vars(self)["_said"]
        return Absent(f"{module}.{name}", instead)

    def __repr__(self) -> str:
        return f"<{vars(self)['_said'][0]}: not available on perdure>"


def absent_module(name: str) -> AbsentModule | None:
    """The module of this name, if Python programs are known to import it."""
    return AbsentModule(name, MODULES[name]) if name in MODULES else None


ABSENT = {what: Absent(what, instead) for what, instead in INSTEAD.items()}
