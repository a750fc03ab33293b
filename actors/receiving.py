"""What a call finds: the way from an object to the method or the attribute that was named."""

from functools import cached_property, partial
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)
from typing import Any

from .capability import Sendable
from .errors import NoSuchMethod, ReservedMethod
from .rpc import RESERVED
from .rpc_target import RpcTarget

_GETTERS = (property, cached_property)
_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, partial)
_SLOTS = (MemberDescriptorType, GetSetDescriptorType)


def find(target: object, path: str, *, is_call: bool) -> Any:
    """What ``path``, names with dots between them, leads to from ``target``; "" is that itself.

    Args:
        target: An object that may be called from outside: an actor's instance, a Worker's, an
            ``RpcTarget``, a function; or what one of those gave.
        path: See above.
        is_call: It is to be called: then it is something that can be.

    Raises:
        ReservedMethod: A name belongs to a handler, or to the stub.
        NoSuchMethod: There is nothing of that name for callers.
    """
    found: Any = target
    name = ""
    for name in path.split(".") if path else ():
        if found is not target and not isinstance(found, RpcTarget | Sendable | dict):
            raise NoSuchMethod(name)
        found = _member(found, name)
    if is_call and not (isinstance(found, _FUNCTIONS) or _is_method(found, path)):
        raise NoSuchMethod(name)
    return found


def _is_method(found: object, path: str) -> bool:
    """It was found in a class, and can be called: decorated methods need not be functions."""
    return bool(path) and callable(found) and not isinstance(found, RpcTarget | type | dict)


def _member(target: Any, name: str) -> Any:
    if isinstance(target, dict):
        if name in target:
            return target[name]
        raise NoSuchMethod(name)
    if name in RESERVED or (name == "dispose" and isinstance(target, RpcTarget)):
        raise ReservedMethod(name)
    if name.startswith("_"):
        raise NoSuchMethod(name)
    if isinstance(target, Sendable):
        return target._member(name)  # noqa: SLF001  # of what it leads to, not of the stub
    found = getattr(type(target), name, None)
    is_slot = isinstance(found, _SLOTS)
    if isinstance(found, _GETTERS) or (callable(found) and not is_slot):
        return getattr(target, name)
    raise NoSuchMethod(name)
