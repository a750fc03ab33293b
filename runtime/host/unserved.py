"""What stands in ``env`` for bindings that nothing here serves.

A program may look for such a binding, and find it; it is told what is missing when it uses it.
"""

from collections.abc import Mapping
from typing import Any, Never

from ...storage.errors import UsageError
from ..config.model import WorkerConfig

# What a program may have instead, by wrangler's keys.
ALTERNATIVES: Mapping[str, str] = {
    "ai": "call a model's HTTP API, with a client from PyPI such as openai",
    "analytics_engine_datasets": "write into an actor's storage.sql",
    "browser": "use playwright from PyPI",
    "d1_databases": "an actor has a database of its own, storage.sql",
    "dispatch_namespaces": "run that Worker in a perdure of its own and fetch from it",
    "hyperdrive": "connect to the database with a driver from PyPI, such as asyncpg",
    "images": "use Pillow from PyPI",
    "kv_namespaces": "keep values in an actor's storage.kv",
    "mtls_certificates": "use aiohttp from PyPI with an SSL context",
    "queues": "keep messages in an actor's storage and work them off in its alarms",
    "r2_buckets": "keep small files in an actor's storage, or use an S3 client from PyPI (boto3)",
    "ratelimits": "limit in [[perdure.firewall]], or count in an actor",
    "secrets_store_secrets": "put the secret into .dev.vars or .env, and read it from env",
    "send_email": "use smtplib, or aiosmtplib from PyPI",
    "vectorize": "use sqlite-vec, or a vector database's client from PyPI",
    "version_metadata": "set a var with --var when you start",
    "worker_loaders": "run that Worker in a perdure of its own and fetch from it",
    "workflows": "go through the steps in an actor's alarms",
}
ALTERNATIVE = "use a client of such a service from PyPI"


class BindingUnavailable(UsageError):
    """A program uses a binding of its configuration that perdure does not serve.

    Attributes:
        name: The binding: ``env.<name>``.
        kind: What it would be, for instance ``R2 bucket``.
        alternative: What the program may do instead.
    """

    def __init__(self, name: str, kind: str, alternative: str) -> None:
        self.name = name
        self.kind = kind
        self.alternative = alternative
        super().__init__(name, kind, alternative)

    def __str__(self) -> str:
        return (
            f"the {self.kind} binding {self.name} is not available on perdure; {self.alternative}"
        )


class Unserved:
    """A binding that nothing serves; whatever is done with it raises ``BindingUnavailable``.

    It is true, so that ``if env.BUCKET`` and ``getattr(env, "BUCKET", None)`` mean what they mean
    where the binding is served.
    """

    __slots__ = ("_perdure_missing",)

    def __init__(self, name: str, kind: str, alternative: str) -> None:
        object.__setattr__(self, "_perdure_missing", (name, kind, alternative))

    def _refuse(self, *_: object, **__: object) -> Never:
        missing: tuple[str, str, str] = object.__getattribute__(self, "_perdure_missing")
        raise BindingUnavailable(*missing)

    def __getattr__(self, name: str) -> Any:
        # Python, and tools such as debuggers, ask anything for these.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __repr__(self) -> str:
        name, kind, _ = self._perdure_missing
        return f"<{kind} {name}, not available on perdure>"

    def __bool__(self) -> bool:
        return True

    __setattr__ = _refuse
    __delattr__ = _refuse
    __call__ = _refuse
    __getitem__ = _refuse
    __setitem__ = _refuse
    __delitem__ = _refuse
    __contains__ = _refuse
    __len__ = _refuse
    __iter__ = _refuse
    __aiter__ = _refuse
    __await__ = _refuse
    __enter__ = _refuse
    __aenter__ = _refuse
    # Python looks for these before it calls the two above.
    __exit__ = _refuse
    __aexit__ = _refuse


def unserved_values(config: WorkerConfig) -> dict[str, Any]:
    """Return what stands for the bindings that nothing serves, and for those to other Workers."""
    values: dict[str, Any] = {**unserved_bindings(config)}
    for service in config.services:
        values[service.name] = Unserved(service.name, "service", _elsewhere(service.worker))
    for namespace in config.bindings:
        if namespace.script_name is not None and config.owner_of(namespace) != config.name:
            alternative = _elsewhere(namespace.script_name)
            values[namespace.name] = Unserved(namespace.name, "Durable Object", alternative)
    return values


def unserved_bindings(config: WorkerConfig) -> dict[str, Unserved]:
    """Return what stands for the bindings that nothing serves."""
    return {
        binding.name: Unserved(
            binding.name, binding.kind, ALTERNATIVES.get(binding.key, ALTERNATIVE)
        )
        for binding in config.unserved
    }


def _elsewhere(worker: str) -> str:
    return f'start the Worker "{worker}" together with this one: name its configuration with -c'
