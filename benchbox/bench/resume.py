"""What a cell can go on from: its own progress, or kept statistics of its stream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchbox.bench.cell import Cell, digest, plugin_packages
from benchbox.bench.provenance import machine
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.values import value
from benchbox.metric import Metric
from benchbox.store.states import MetricState
from benchbox.store.store import Store

Metrics = Mapping[str, Metric]
"""By their labels in the row."""

SAME_MACHINE = ("device", "torch", "cuda", "git")
"""Columns of the machine that must be as they were for a cell to go on from its progress."""


def state_key(cell: Cell, metric: Metric) -> str:
    """The name of a metric's statistics of a cell's samples: stream, metric, and a hash of its setting and version."""
    setting = value(metric, cell.model)
    parts = [setting.setting, sorted(plugin_packages(metric)), sorted(setting.files or {})]
    return f"{cell.stream}-{re.sub(r'[^a-z0-9+-]', '-', metric.name.lower())}-{digest(parts)}"


def state_keys(cell: Cell, metrics: Metrics) -> dict[str, str]:
    return {label: state_key(cell, metric) for label, metric in metrics.items()}


def begun(cell: Cell, metrics: Metrics, store: Store, most: int) -> int:
    """How many samples need not be made again, `most` at the most."""
    part = progress(cell, metrics, store)
    return max(part.report["n"] if part else 0, kept(cell, metrics, store, most))


def kept(cell: Cell, metrics: Metrics, store: Store, most: int) -> int:
    """Of how many samples every metric has statistics.

    An adaptive sampler runs whole blocks of noise, so it goes on only from a whole number of them.
    """
    counts = {store.statistics.count(name) for name in state_keys(cell, metrics).values()}
    n = counts.pop() if len(counts) == 1 else 0
    return 0 if n > min(most, saved(cell)) or (cell.adaptive and n % cell.noise_block) else n


def saved(cell: Cell) -> int:
    """Of how many samples at the most statistics serve: where samples are to be in files, as many as are."""
    return cell.n_samples if cell.save is None else cell.save.made(cell)


def earlier(cell: Cell, metrics: Metrics, store: Store, most: int) -> ShardResult | None:
    """The samples that need not be made again, as the part of them that there is; None where it is damaged."""
    part, n = progress(cell, metrics, store), kept(cell, metrics, store, most)
    if n <= (part.report["n"] if part else 0):
        return part
    found = {name: store.statistics.get(place) for name, place in state_keys(cell, metrics).items()}
    whole = {name: k for name, k in found.items() if k is not None}
    return of_kept(whole) if len(whole) == len(metrics) else part


def of_kept(found: dict[str, MetricState]) -> ShardResult:
    """Kept statistics of the same samples as one part."""
    first = next(iter(found.values()))
    said = {"status": "done", "reason": None, "n": first.n, "counts": first.counts, "costs": None}
    return ShardResult(said, {name: k.state for name, k in found.items()})


def save_progress(cell: Cell, metrics: Metrics, store: Store, part: ShardResult) -> None:
    """Keep what is finished of a cell that is not, in one file with all its metrics."""
    here = {name: machine(cell.device)[name] for name in SAME_MACHINE}
    store.put_progress(
        cell.id, ShardResult(part.report | {"keys": state_keys(cell, metrics), "where": here}, part.states).to_bytes()
    )


def progress(cell: Cell, metrics: Metrics, store: Store) -> ShardResult | None:
    """What is finished of a cell, by these metrics, with this code and on a machine like this one."""
    data = store.get_progress(cell.id)
    here = {name: machine(cell.device)[name] for name in SAME_MACHINE}
    try:
        part = ShardResult.from_bytes(data) if data else None
        if part is None or part.report["keys"] != state_keys(cell, metrics) or part.report["where"] != here:
            return None
        n: Any = part.report["n"]
        whole = not (cell.adaptive and n % cell.noise_block)
        fits = isinstance(n, int) and 0 < n < cell.n_samples and n <= saved(cell) and whole
        return (
            ShardResult(part.report | {"costs": None}, part.states)
            if fits and part.report["counts"]["rows"] > 0
            else None
        )
    except Exception:  # whatever numpy and json make of damaged bytes: it is made anew
        return None
