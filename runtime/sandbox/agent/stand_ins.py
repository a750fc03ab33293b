"""Small modules in place of large ones of the standard library, of which the agent needs little.

A sandbox's first command waits until its agent has started, and three quarters of that were imports
that nobody needs: ``json`` imports ``re``, ``signal`` and ``socket`` import ``enum``. Only the
agent's bundle has these (see bundle.py); the keeper, which runs some of the same files, has the
real ones. What they leave out fails at the start, in every test.
"""

import _collections  # type: ignore[import-not-found]  # what deque is from
import _collections_abc
import _json
import _signal  # type: ignore[import-not-found]  # as above
import _socket
import sys

_installed: dict[str, object] = {}
_CHECK = '{"a":[1,-2.5,"\\u00e9\\ud800\\"",null,true,{}]}'


class Suppress:
    """``contextlib.suppress``."""

    def __init__(self, *exceptions: type[BaseException]) -> None:
        self._exceptions = exceptions

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        """Swallow what was named."""
        return kind is not None and issubclass(kind, self._exceptions)


class _Strict:
    """How the scanner is to read; it asks for these."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012  # the scanner's own, which it clears


def loads(data: bytes | str) -> object:
    """``json.loads``.

    Raises:
        ValueError: It is no JSON.
    """
    text = (data if isinstance(data, str) else data.decode()).strip(" \t\n\r")
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("no JSON") from None
    except ImportError:  # it looks for json.JSONDecodeError, to raise that
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("more than one value of JSON")
    return value


def dumps(value: object, separators: tuple[str, str] = (", ", ": ")) -> str:
    """``json.dumps``.

    Raises:
        TypeError: It cannot be JSON.
    """
    return "".join(_encoders[separators](value, 0))


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is no JSON")


def _encoder(separators: tuple[str, str]) -> _json.make_encoder:
    between, behind_key = separators
    # Neither sorted, nor without what cannot be a key; NaN as Python writes it.
    return _json.make_encoder(
        *(None, _refuse, _json.encode_basestring_ascii, None, behind_key, between),
        *(False, False, True),
    )


try:
    _scan = _json.make_scanner(_Strict())  # type: ignore[arg-type]  # whatever has these
    _encoders = {each: _encoder(each) for each in ((", ", ": "), (",", ":"))}
    has_json = dumps(loads(_CHECK), separators=(",", ":")) == _CHECK
except (AttributeError, TypeError, ValueError):
    has_json = False  # these are Python's own affair, and may be others in one that is to come


def install() -> None:
    """Have what is imported from now on find these."""
    module = type(sys)
    typing = module("typing")
    vars(typing).update(Any=object, Final=object, Protocol=object)
    collections = module("collections")
    vars(collections).update(deque=_collections.deque, abc=_collections_abc)
    contextlib = module("contextlib")
    vars(contextlib).update(suppress=Suppress)
    found = {
        "typing": typing,
        "collections": collections,
        "collections.abc": _collections_abc,
        "contextlib": contextlib,
        "signal": _signal,
        "socket": _socket,
    }
    if has_json:
        json = module("json")
        vars(json).update(loads=loads, dumps=dumps)
        found["json"] = json
    sys.modules.update(found)
    _installed.update(found)


def uninstall() -> None:
    """Have what is imported from now on find the real ones: the agent's own modules have these."""
    for name, module in _installed.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
