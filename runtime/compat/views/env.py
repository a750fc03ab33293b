"""``env`` as programs in Workers style see it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...host.bindings import Env
from ..js.errors import Error
from ..js.values import from_native
from .bindings import OURS, BindingViews


class EnvView:
    """Bindings and vars of the configuration: ``env.ROOM``, ``env.GREETING``.

    Made before the program is imported, because the program imports it and may read from it
    right then; filled by ``bind``. Views of bindings are kept in the instance itself, where Python
    looks first.

    Args:
        values: The vars, and what stands for bindings that nothing serves.
        early: Makes the views of those bindings that lead somewhere from ``bind`` on.
    """

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        early: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        vars(self).update(_early={}, _make_early={})
        self._bind(Env(values or {}), OURS)
        vars(self)["_make_early"] = dict(early or {})

    def _bind(self, native: Env, views: BindingViews) -> None:
        vars(self).update(_native=native, _patched={}, _views=views, _make_early={})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for those
            raise AttributeError(name)
        patched = vars(self)["_patched"]
        if name in patched:
            return patched[name]
        early = vars(self)["_early"]
        if make := vars(self)["_make_early"].get(name):
            if name not in early:
                early[name] = make(_Early(self, name))
            return early[name]
        if name in early:
            view = vars(self)[name] = self._settled(name)
            return view
        value = getattr(vars(self)["_native"], name)
        view = vars(self)["_views"].of(value)
        if view is None:
            return from_native(value)
        vars(self)[name] = view
        return view

    def _settled(self, name: str) -> Any:
        """The view that the program has had of a binding since it was imported; it leads there."""
        view = vars(self)["_early"][name]
        view.native = getattr(vars(self)["_native"], name)
        return view

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"env is read-only; env.{name} comes from the configuration")

    def __dir__(self) -> list[str]:
        known = vars(self)
        return sorted({*dir(known["_native"]), *known["_patched"], *known["_make_early"]})

    def __js_entries__(self) -> Iterator[tuple[str, Any]]:
        """For ``Object.keys(env)``: bindings and vars by name."""
        return ((name, getattr(self, name)) for name in dir(self))

    def __repr__(self) -> str:
        return repr(vars(self)["_native"])


class _Early:
    """What the view of a binding leads to that the program has read while it was imported."""

    __slots__ = ("_env", "_name")

    def __init__(self, env: EnvView, name: str) -> None:
        self._env = env
        self._name = name

    def __getattr__(self, member: str) -> Any:
        if member.startswith("__"):  # Python asks for those
            raise AttributeError(member)
        env, name = self._env, self._name
        if name in vars(env)["_make_early"]:
            raise Error(
                f"Disallowed operation called within global scope: while the program is imported, "
                f"env.{name} can be kept, and not be used. Use it in a method."
            )
        return getattr(env._settled(name).native, member)  # noqa: SLF001  # as in bind

    def __repr__(self) -> str:
        return f"<env.{self._name}, used in methods>"


def bind(view: EnvView, native: Env, views: BindingViews = OURS) -> None:
    """Let ``view`` show what the configuration binds, as ``views``."""
    view._bind(native, views)  # noqa: SLF001  # not a method: every public name of env is a binding's


@contextmanager
def patched(
    view: EnvView,
    values: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    **more: Any,
) -> Iterator[EnvView]:
    """Have other bindings and vars inside of ``with``: it is ``workers.patch_env``."""
    known = vars(view)
    before, known["_patched"] = (
        known["_patched"],
        {**known["_patched"], **dict(values or {}), **more},
    )
    views = {name: known.pop(name) for name in [*known] if name in known["_patched"]}
    try:
        yield view
    finally:
        known["_patched"] = before
        known.update({name: one for name, one in views.items() if name not in before})
