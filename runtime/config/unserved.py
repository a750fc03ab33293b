"""Bindings to what Cloudflare has and perdure has not: read, told of, and kept by name."""

from collections.abc import Iterator, Mapping, Sequence

from .model import UnservedBinding
from .positions import KeyPath
from .report import Table, shown

# What wrangler's messages call them in the singular, by their keys; the last word of a kind says
# what one of them is.
KINDS: Mapping[str, str] = {
    "agent_memory": "agent memory",
    "ai": "AI",
    "ai_search": "AI search",
    "ai_search_namespaces": "AI search namespace",
    "analytics_engine_datasets": "Analytics Engine dataset",
    "artifacts": "artifacts",
    "browser": "browser",
    "d1_databases": "D1 database",
    "dispatch_namespaces": "dispatch namespace",
    "flagship": "Flagship",
    "hyperdrive": "Hyperdrive",
    "images": "images",
    "kv_namespaces": "KV namespace",
    "media": "media",
    "mtls_certificates": "mTLS certificate",
    "pipelines": "pipeline",
    "queues": "queue",
    "r2_buckets": "R2 bucket",
    "ratelimits": "rate limit",
    "secrets_store_secrets": "Secrets Store secret",
    "send_email": "email",
    "stream": "stream",
    "unsafe_hello_world": "hello world",
    "vectorize": "Vectorize index",
    "version_metadata": "version metadata",
    "vpc_networks": "VPC network",
    "vpc_services": "VPC service",
    "websearch": "web search",
    "worker_loaders": "worker loader",
    "workflows": "workflow",
}
# Those whose name stands in another field than "binding".
NAME_FIELDS: Mapping[str, str] = {"ratelimits": "name", "send_email": "name"}

Unserved = Sequence[tuple[UnservedBinding, KeyPath]]


def read_unserved(layer: Table) -> Unserved:
    """Read such bindings of a layer, the top level or an environment, and warn of each key."""
    found: list[tuple[UnservedBinding, KeyPath]] = []
    for key, kind in KINDS.items():
        if not layer.values.get(key):
            continue
        message = f'"{layer.name(key)}" is known to wrangler, but not provided by perdure.'
        hint = "A program that uses it gets an error there that says so."
        layer.report.warning(layer.key(key), message, hint)
        for entry in _entries(layer, key):
            field = NAME_FIELDS.get(key, "binding")
            name = entry.values.get(field)
            if isinstance(name, str) and name:
                line = entry.report.line(entry.path)
                found.append((UnservedBinding(name, key, kind, line), entry.key(field)))
                continue
            text = (
                f'"{entry.label}" bindings should have a string "{field}" field but got '
                f"{shown(entry.values)}."
            )
            entry.report.error(entry.key(field), text)
    return tuple(sorted(found, key=lambda one: one[0].line or 0))


def _entries(layer: Table, key: str) -> Iterator[Table]:
    """Yield the tables that say what is bound: one, those of an array, or the producers'."""
    value = layer.values[key]
    if key == "queues":
        if (table := layer.find_table(key)) and _is_array(table, "producers"):
            yield from table.find_tables("producers")
    elif isinstance(value, dict):
        yield Table(layer.report, layer.key(key), value, layer.name(key))
    elif _is_array(layer, key):
        yield from layer.find_tables(key)


def _is_array(table: Table, key: str) -> bool:
    value = table.values.get(key)
    if value is None or isinstance(value, list):
        return True
    message = f'The field "{table.name(key)}" should be an array but got {shown(value)}.'
    table.report.error(table.key(key), message)
    return False
