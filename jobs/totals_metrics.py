"""What was counted in Redis (batches/totals.py), as Prometheus's families: a farm's and a worker's are made alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from jobs.batches.totals import BUCKETS, Durations

Values = TypeVar("Values", bound=tuple[str, ...])


def counter(name: str, text: str, labels: list[str], counts: Mapping[Values, int]) -> Metric:
    """Counts by their labels' values."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def histogram(name: str, text: str, label: str, durations: Mapping[str, Durations]) -> Metric:
    """Durations by one label's values."""
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, one in durations.items():
        running, buckets = 0, []
        for bound in BUCKETS:
            running += one.buckets.get(bound, 0)
            buckets.append(("+Inf" if bound == "inf" else bound, float(running)))
        family.add_metric([value], buckets, one.seconds)
    return family
