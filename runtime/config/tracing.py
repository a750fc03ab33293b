"""``[perdure.tracing]``, and the variables that OpenTelemetry has for the same."""

import math
from collections.abc import Mapping

from yarl import URL

from .errors import did_you_mean
from .model import TracingConfig
from .report import Table, shown

KEYS = ("endpoint", "sampling_ratio")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def read_tracing(table: Table) -> TracingConfig | None:
    """Read ``tracing`` of ``[perdure]``; None without it."""
    tracing = table.find_table("tracing")
    if tracing is None:
        return None
    for name in tracing.values:
        if name not in KEYS:
            message = f'There is no setting "{tracing.name(name)}".'
            tracing.report.error(tracing.key(name), message, did_you_mean(name, KEYS))
    return TracingConfig(_find_endpoint(tracing), _find_ratio(tracing))


def tracing_of(
    config: TracingConfig | None, environment: Mapping[str, str]
) -> TracingConfig | None:
    """Return what holds when the environment is asked, too; None for no traces.

    The configuration wins; an endpoint of the environment alone turns traces on, as it does for
    other programs, and ``OTEL_SDK_DISABLED`` turns them off.

    Args:
        config: ``[perdure.tracing]``.
        environment: The process's environment variables.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    is_asked_for = any(environment.get(name) for name in _ENDPOINTS)
    if config is None:
        if not is_asked_for or environment.get("OTEL_TRACES_EXPORTER") == "none":
            return None
        config = TracingConfig()
    if config.sampling_ratio is None:
        return TracingConfig(config.endpoint, _ratio_of(environment))
    return config


def _find_endpoint(table: Table) -> str | None:
    value = table.find_string("endpoint")
    if value is None:
        return None
    try:
        url = URL(value)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        message = f'Expected "{table.name("endpoint")}" to be a URL but got {shown(value)}.'
        hint = 'For instance endpoint = "http://127.0.0.1:4318", where /v1/traces is asked for'
        table.report.error(table.key("endpoint"), message, hint)
        return None
    return value


def _find_ratio(table: Table) -> float | None:
    value = table.find_number("sampling_ratio")
    if value is None or 0 <= value <= 1:
        return value
    given = shown(value) if math.isfinite(value) else str(value)
    message = f'Expected "{table.name("sampling_ratio")}" to be 0 to 1 but got {given}.'
    table.report.error(table.key("sampling_ratio"), message)
    return None


def _ratio_of(environment: Mapping[str, str]) -> float:
    """Return what ``OTEL_TRACES_SAMPLER`` asks for; as the SDK does, all if that is nonsense."""
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler != "traceidratio":
        return 1.0
    try:
        ratio = float(environment.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    except ValueError:
        return 1.0
    return ratio if 0 <= ratio <= 1 else 1.0
