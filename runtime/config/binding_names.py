"""Names in ``env``: each is taken once, whatever kind of binding it is."""

from collections.abc import Iterator, Mapping

from .environment import Layer
from .positions import KeyPath
from .report import Report

UNIQUE_NAMES = (
    "Bindings must have unique names, so that they can all be referenced in the worker.\n"
    "Please change your bindings to have unique names."
)


def check_names(report: Report, layer: Layer, variables: Mapping[str, object]) -> None:
    """Report names that are taken twice; the place is that of the binding which comes last."""
    seen: dict[str, str] = {}
    for name, kind, path in _bindings(layer):
        if name in seen:
            kinds = f"multiple {kind}" if seen[name] == kind else f"{seen[name]} and {kind}"
            report.error(path, f"{name} assigned to {kinds} bindings.", UNIQUE_NAMES)
        elif name in variables:
            message = f"{name} assigned to {kind} and Environment Variable bindings."
            report.error(path, message, UNIQUE_NAMES)
        seen[name] = kind


def bound_names(layer: Layer) -> Iterator[str]:
    """Yield the names of all bindings of a layer but its variables."""
    for name, _, _ in _bindings(layer):
        yield name


def _bindings(layer: Layer) -> Iterator[tuple[str, str, KeyPath]]:
    """Yield name, kind and place of all bindings of a layer but its variables."""
    if bindings := layer.bindings:
        for binding, path in zip(bindings.items, bindings.paths, strict=True):
            yield binding.name, "Durable Object", (*path, "name")
    for service, path in layer.services or ():
        yield service.name, "Service", (*path, "binding")
    if layer.assets is not None and layer.assets.binding:
        yield layer.assets.binding, "Assets", layer.table.key("assets")
    for unserved, path in layer.unserved:
        yield unserved.name, unserved.kind[0].upper() + unserved.kind[1:], path
