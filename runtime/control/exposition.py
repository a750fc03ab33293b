"""Families of series as Prometheus reads them."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ...actors.counters import BOUNDS_S
from .families import COUNTER, GAUGE, Family, Numbers


def expose(families: Iterable[Family], accept: str) -> tuple[bytes, str]:
    """Return all metrics and their content type, in the format that ``accept`` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Families(Collector):
    """Has what was read already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._metrics = [_metric_of(family) for family in families]

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _metric_of(family: Family) -> Metric:
    name = f"perdure_{family.name}"
    if family.kind in {COUNTER, GAUGE}:
        make = CounterMetricFamily if family.kind == COUNTER else GaugeMetricFamily
        plain = make(name, family.text, labels=family.labels)
        for labels, (value,) in family.series.items():
            plain.add_metric(labels, value)
        return plain
    histogram = HistogramMetricFamily(name, family.text, labels=family.labels)
    for labels, numbers in family.series.items():
        histogram.add_metric(labels, _buckets(numbers), sum_value=numbers[-1])
    return histogram


def _buckets(numbers: Numbers) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    total = 0.0
    for bound, count in zip((*BOUNDS_S, None), numbers[:-1], strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else str(bound), total))
    return buckets
