"""A module that describes ``env`` and its stubs to type checkers, for ``perdure types``."""

import inspect
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, get_overloads

from ...actors.base import DurableObject
from ...actors.rpc import RESERVED
from ..config.model import WorkerConfig

HEADER = '"""What env has, for type checkers. Written by `perdure types`, which writes it anew."""'
_OURS = ("DurableObjectNamespace", "ServiceStub")
_PACKAGE = __name__.partition(".")[0]
_TYPES: Mapping[type, str] = {
    bool: "bool",
    dict: "dict[str, Any]",
    float: "float",
    int: "int",
    list: "list[Any]",
    str: "str",
}


def typed_env(config: WorkerConfig, classes: Mapping[str, type[DurableObject]]) -> str:
    """The text of the module.

    Args:
        config: It names what is in ``env``.
        classes: Those that bindings name, by name.
    """
    bound = {binding.class_name for binding in config.own_bindings}
    stubs = {name: cls for name, cls in classes.items() if name in bound}
    members = [*_members(config, stubs)]
    lines = [HEADER]
    bodies = {name: [*_stub_class(name, cls)] for name, cls in stubs.items()}
    if imports := [*_imports([*members, *chain(*bodies.values())], stubs)]:
        lines += ["", *imports]
    if stubs:
        lines += ["", "if TYPE_CHECKING:", *_class_imports(stubs)]
        for body in bodies.values():
            lines += ["", *(f"    {line}".rstrip() for line in body)]
    lines += ["", "", "class Env:", '    """The bindings and vars of this Worker."""']
    if members:
        lines += ["", *(f"    {member}" for member in members)]
    return "\n".join(lines) + "\n"


def unnameable(config: WorkerConfig) -> Sequence[str]:
    """What ``env`` has under names that no class can say."""
    names = [
        *(binding.name for binding in config.bindings),
        *_services(config),
        *(unserved.name for unserved in config.unserved),
        *config.vars,
    ]
    return [name for name in names if not _is_name(name)]


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _imports(members: Sequence[str], stubs: Mapping[str, type[DurableObject]]) -> Iterator[str]:
    text = "\n".join(members)
    has_any = re.search(r"\bAny\b", text) is not None
    typing = [*(["TYPE_CHECKING"] if stubs else []), *(["Any"] if has_any else [])]
    if typing:
        yield f"from typing import {', '.join(typing)}"
    ours = [name for name in _OURS if re.search(rf"\b{name}\b", text)]
    if stubs:
        ours.append("DurableObjectStub")
    if ours:
        if typing:
            yield ""
        yield f"from perdure import {', '.join(sorted(ours))}"


def _class_imports(stubs: Mapping[str, type[DurableObject]]) -> Iterator[str]:
    helpers = {_kind(cls, name) for cls in stubs.values() for name in _plain_methods_of(cls)}
    if helpers:
        yield f"    from perdure.actors.typed_stub import {', '.join(sorted(helpers))}"
        yield ""
    for name, cls in sorted(stubs.items()):
        if _plain_methods_of(cls):
            yield f"    from {cls.__module__} import {name}"


def _stub_class(name: str, cls: type[DurableObject]) -> Iterator[str]:
    yield f"class {name}Stub(DurableObjectStub):"
    yield f'    """Calls one {name}."""'
    methods = methods_of(cls)
    if methods:
        yield ""
    for method in methods:
        if _has_overloads(cls, method):
            yield f"    {method}: Any  # overloaded: a ParamSpec would take its first form for all"
        else:
            yield f"    {method} = {_kind(cls, method)}({name}.{method})"


def methods_of(cls: type[DurableObject]) -> Sequence[str]:
    """The methods that a stub may call, in the order in which they are written.

    Those of perdure's own classes are left out: ``get_sandbox`` is how a ``Sandbox`` is called, and
    what it gives is typed already.
    """
    ours = set(dir(DurableObject))
    found: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == _PACKAGE:
            continue
        for name in vars(base):
            if not name.startswith("_") and name not in RESERVED and name not in ours:
                found[name] = None
    return [name for name in found if callable(getattr(cls, name, None)) and _is_name(name)]


def _has_overloads(cls: type[DurableObject], method: str) -> bool:
    found = getattr(cls, method)
    return inspect.isroutine(found) and bool(get_overloads(found))


def _plain_methods_of(cls: type[DurableObject]) -> Sequence[str]:
    return [method for method in methods_of(cls) if not _has_overloads(cls, method)]


def _kind(cls: type[DurableObject], method: str) -> str:
    found = inspect.getattr_static(cls, method)
    return "remote_function" if isinstance(found, staticmethod | classmethod) else "remote"


def _members(config: WorkerConfig, stubs: Mapping[str, type[DurableObject]]) -> Iterator[str]:
    for binding in config.bindings:
        if not _is_name(binding.name):
            continue
        if config.owner_of(binding) == config.name and binding.class_name in stubs:
            yield f'{binding.name}: "DurableObjectNamespace[{binding.class_name}Stub]"'
        else:  # a class of another Worker, which this one cannot import
            yield f"{binding.name}: DurableObjectNamespace"
    for service in _services(config):
        if _is_name(service):
            yield f"{service}: ServiceStub"
    for unserved in config.unserved:
        if _is_name(unserved.name):
            yield f"{unserved.name}: Any"
    for name, value in config.vars.items():
        if _is_name(name):
            yield f"{name}: {_type_of(value)}"


def _services(config: WorkerConfig) -> Iterator[str]:
    """Name what leads to other Workers, and to the files of this one."""
    yield from (service.name for service in config.services)
    if config.assets is not None and config.assets.binding is not None:
        yield config.assets.binding


def _type_of(value: Any) -> str:
    return "None" if value is None else _TYPES.get(type(value), "Any")
