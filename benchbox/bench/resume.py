"""Which kept statistics a cell can go on from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchbox.bench.cell import Cell, digest, files, packages
from benchbox.metric import Metric
from benchbox.options import describe
from benchbox.store.kept import Kept, Statistics


def key(cell: Cell, metric: Metric) -> str:
    """The name of a metric's statistics of a cell's samples: stream, metric, and a hash of its options and version."""
    parts = [describe(metric), sorted(packages(metric)), list(files(metric))]
    return f"{cell.stream}-{re.sub(r'[^a-z0-9+-]', '-', metric.name.lower())}-{digest(parts)}"


def begun(cell: Cell, metrics: Sequence[Metric], statistics: Statistics, most: int) -> int:
    """How many samples need not be made again: those of which every metric has statistics, `most` at the most.

    An adaptive sampler runs whole blocks of noise, so it goes on only from a whole number of them.
    """
    counts = {statistics.count(key(cell, metric)) for metric in metrics}
    n = counts.pop() if len(counts) == 1 else 0
    return 0 if n > most or (cell.adaptive and n % cell.noise_block) else n


def earlier(cell: Cell, metrics: Sequence[Metric], statistics: Statistics, most: int) -> dict[str, Kept]:
    """The statistics of the samples that need not be made again, by metric; none where they are damaged."""
    if not begun(cell, metrics, statistics, most):
        return {}
    found = {metric.name: statistics.get(key(cell, metric)) for metric in metrics}
    whole = {name: kept for name, kept in found.items() if kept is not None}
    return whole if len(whole) == len(metrics) else {}
