"""``env`` as programs in Workers style see it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...host.bindings import Env
from ..js.values import from_native
from .bindings import OURS, BindingViews


class EnvView:
    """Bindings and vars of the configuration: ``env.ROOM``, ``env.GREETING``.

    Made before the program is imported, because the program imports it and may read its vars
    right then; filled by ``bind``. Views of bindings are kept in the instance itself, where Python
    looks first.

    Args:
        values: The vars.
        later: Names of bindings, which are there from ``bind`` on.
    """

    def __init__(
        self, values: Mapping[str, Any] | None = None, later: Collection[str] = ()
    ) -> None:
        self._bind(Env(values or {}), OURS, later)

    def _bind(self, native: Env, views: BindingViews, later: Collection[str] = ()) -> None:
        vars(self).update(_native=native, _patched={}, _views=views, _later=frozenset(later))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for those
            raise AttributeError(name)
        patched = vars(self)["_patched"]
        if name in patched:
            return patched[name]
        if name in vars(self)["_later"]:
            raise AttributeError(
                f"env.{name} is not there yet while the program is imported; read it in a method"
            )
        value = getattr(vars(self)["_native"], name)
        view = vars(self)["_views"].of(value)
        if view is None:
            return from_native(value)
        vars(self)[name] = view
        return view

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"env is read-only; env.{name} comes from the configuration")

    def __dir__(self) -> list[str]:
        return sorted({*dir(vars(self)["_native"]), *vars(self)["_patched"]})

    def __repr__(self) -> str:
        return repr(vars(self)["_native"])


def bind(view: EnvView, native: Env, views: BindingViews = OURS) -> None:
    """Let ``view`` show what the configuration binds, as ``views``."""
    view._bind(native, views)  # noqa: SLF001  # not a method: every public name of env is a binding's


@contextmanager
def patched(
    view: EnvView, values: Mapping[str, Any] | None = None, **more: Any
) -> Iterator[EnvView]:
    """Have other bindings and vars inside of ``with``: it is ``workers.patch_env``."""
    known = vars(view)
    before, known["_patched"] = known["_patched"], {**known["_patched"], **(values or {}), **more}
    views = {name: known.pop(name) for name in [*known] if name in known["_patched"]}
    try:
        yield view
    finally:
        known["_patched"] = before
        known.update({name: one for name, one in views.items() if name not in before})
