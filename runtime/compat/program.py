"""Loading a program, whatever its style."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...actors.actor import Actor, Handlers
from ...actors.base import DurableObject, WorkerEntrypoint
from ...actors.channel import Outbound
from ...actors.handlers import construct_native
from ...actors.limits import ActorLimits
from ..config.model import WorkerConfig
from ..host.bindings import Env
from ..host.loader import ENTRYPOINT, App, load_apps
from ..host.style import NATIVE, Style
from ..host.unserved import unserved_bindings
from ..host.worker import Worker
from .finder import install, is_ours
from .style import fires_triggers, has_own_sdk, is_in_workers_style, may_have_global_handlers

if TYPE_CHECKING:
    from .external_sdk import ExternalSdk
    from .views.bindings import BindingViews

# What the platform does by itself for programs of today.
_FLAGS_OF_TODAY = {
    "python_no_global_handlers": True,
    "python_request_headers_preserve_commas": True,
    "python_workflows": True,
}
_SANDBOX = "Sandbox"
# What a module of the program's own has, if it is the platform's SDK.
_OF_THE_SDK = frozenset({"DurableObject", "WorkerEntrypoint", "python_from_rpc", "python_to_rpc"})


def load_programs(config: WorkerConfig) -> Sequence[App]:
    """Import the programs of a start and find their classes; that of ``config`` is the first.

    ``workers`` and its like can be imported from now on: those of the first program.

    Raises:
        LoadError: ``main`` is missing, raised when imported, or lacks a class.
    """
    return load_apps(config, _prepare)


def _prepare(config: WorkerConfig) -> Style:
    """Have a program that is imported next find ``workers`` and its like; return its style."""
    main = config.main.resolve()
    libraries = [config.base_dir / "python_modules", main.parent / "python_modules"]
    if not is_in_workers_style(config):
        platform = partial(_platform_modules, config, None)
        install(main.parent, platform, libraries=libraries, is_first=False)
        return NATIVE
    style = WorkersStyle(config)
    install(
        main.parent,
        partial(_platform_modules, config, style.env),
        extras={"workers": style.names},
        libraries=libraries,
        has_own_sdk=has_own_sdk(config),
    )
    return style


def _platform_modules(config: WorkerConfig, env: Any) -> Mapping[str, ModuleType]:
    """The modules that stand for JavaScript and Pyodide."""
    # Made when a program imports one of them: they are many.
    from .pyodide.modules import make_entrypoint_helper, make_flags, make_modules  # noqa: PLC0415
    from .sdk.entrypoints import wait_until  # noqa: PLC0415  # as above

    flags = dict.fromkeys(config.compatibility_flags, True)
    return {
        **make_modules(),
        "_cloudflare_compat_flags": make_flags({**_FLAGS_OF_TODAY, **flags}),
        "_pyodide_entrypoint_helper": make_entrypoint_helper(lambda: env, wait_until),
    }


class WorkersStyle:
    """A program as on Cloudflare Workers. Is a host's ``Style``.

    Attributes:
        env: What the program imports as ``workers.env``, and its classes have as ``self.env``.
        names: What the module ``workers`` has for this program alone.
        durable_object: What the classes of its objects derive from.
        entrypoint: And those of its entrypoints.
    """

    durable_object: type[Any] = DurableObject
    entrypoint: type[Any] = WorkerEntrypoint

    def __init__(self, config: WorkerConfig) -> None:
        # A program that is not in this style is loaded without all this.
        from .views.env import EnvView, patched  # noqa: PLC0415  # for that reason

        self._config = config
        self._has_globals = may_have_global_handlers(config)
        self._sdk: ExternalSdk | None = None
        services = [each.name for each in config.services]
        if config.assets is not None and config.assets.binding:
            services.append(config.assets.binding)
        early: dict[str, Callable[[Any], Any]] = dict.fromkeys(services, self._early_service)
        early |= dict.fromkeys((each.name for each in config.bindings), self._early_namespace)
        self.env = EnvView({**config.vars, **unserved_bindings(config)}, early)
        self.names = {
            "env": self.env,
            "import_from_javascript": self._import_from_javascript,
            "patch_env": partial(patched, self.env),
        }

    def imported(self, module: ModuleType) -> None:
        """See what SDK it has imported; let functions answer, if the configuration is that old."""
        from .entrypoint import entrypoint_of_globals  # noqa: PLC0415  # as above

        workers = self._own_workers()
        if workers is not None and vars(workers).keys() >= _OF_THE_SDK:
            self._use(workers)
            return
        if self._has_globals:
            found = entrypoint_of_globals(module, self._config.main)
            if found is not None:
                setattr(module, ENTRYPOINT, found)

    def _import_from_javascript(self, module_name: str) -> Any:
        """``workers.import_from_javascript``, which knows the program's ``cloudflare:workers``."""
        from .pyodide.modules import WorkersModule  # noqa: PLC0415  # as above
        from .sdk.entrypoints import import_from_javascript, wait_until  # noqa: PLC0415  # as above

        if module_name == "cloudflare:workers":
            return WorkersModule(lambda: self.env, wait_until)
        if module_name == "@cloudflare/sandbox":
            return import_module("cloudflare_sandbox")
        return import_from_javascript(module_name)

    def _own_workers(self) -> ModuleType | None:
        """The module ``workers`` that the program has brought, if it has imported it."""
        found = sys.modules.get("workers") if has_own_sdk(self._config) else None
        return None if found is None or is_ours(found) else found

    def _early_namespace(self, native: Any) -> Any:
        return self._early_views().of_namespace(native)

    def _early_service(self, native: Any) -> Any:
        return self._early_views().of_service(native)

    def _early_views(self) -> "BindingViews":
        """What the program sees bindings as while it is imported."""
        return self._views(raw=self._own_workers() is not None)

    def _views(self, *, raw: bool) -> "BindingViews":
        """What the program sees bindings as.

        Args:
            raw: It brings its own SDK, which wraps them in what it shows.
        """
        fires = fires_triggers(self._config)
        if raw:
            from .views.raw import RAW, RAW_SCHEDULING  # noqa: PLC0415  # as above

            return RAW_SCHEDULING if fires else RAW
        if fires:
            from .views.scheduling import SCHEDULING  # noqa: PLC0415  # as above

            return SCHEDULING
        from .views.bindings import OURS  # noqa: PLC0415  # as above

        return OURS

    def _use(self, workers: ModuleType) -> None:
        """Speak to the program by its own copy of the SDK."""
        from .external_sdk import ExternalSdk  # noqa: PLC0415  # as above

        sdk = self._sdk = ExternalSdk(workers, self._views(raw=True))
        self.durable_object, self.entrypoint = sdk.durable_object, sdk.entrypoint

    def construct(self, cls: type[Any], env: Env, *, has_sql: bool) -> Callable[[Actor], Handlers]:
        if self._sdk is not None:
            return self._sdk.construct(cls, self.env, env, has_sql=has_sql)
        from .handlers import construct_in_workers_style  # noqa: PLC0415  # as above
        from .views.env import bind  # noqa: PLC0415  # as above

        views = self._views(raw=False)
        bind(self.env, env, views)
        if any(base.__name__ == _SANDBOX for base in cls.__mro__):
            construct = self._construct_sandbox(cls, env, views, has_sql=has_sql)
            if construct is not None:
                return construct
        return construct_in_workers_style(
            cls, self.env, views, has_sql=has_sql, has_global_handlers=self._has_globals
        )

    def _construct_sandbox(
        self, cls: type[Any], env: Env, views: "BindingViews", *, has_sql: bool
    ) -> Callable[[Actor], Handlers] | None:
        """As ``construct``, for a class that is a sandbox; None if it only is called so."""
        from ..sandbox.sandbox import Sandbox as NativeSandbox  # noqa: PLC0415  # as above
        from .sdk.sandbox_object import Sandbox, construct_sandbox  # noqa: PLC0415  # as above

        if issubclass(cls, Sandbox):
            return construct_sandbox(cls, self.env, views, has_sql=has_sql)
        if issubclass(cls, NativeSandbox):  # perdure's own: it is as it is
            construct: Callable[[Actor], Handlers] = construct_native(cls, env, has_sql=has_sql)
            return construct
        return None

    def worker(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        entrypoint: type[Any],
        env: Env,
        limits: ActorLimits,
    ) -> Worker:
        if self._sdk is not None:
            return self._sdk.worker(loop, outbound, entrypoint, env, limits, view=self.env)
        from .entrypoint import WorkersWorker  # noqa: PLC0415  # as above
        from .views.env import bind  # noqa: PLC0415  # as above

        views = self._views(raw=False)
        bind(self.env, env, views)
        return WorkersWorker(loop, outbound, entrypoint, env, limits, view=self.env, views=views)
