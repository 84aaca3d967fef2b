"""What a cell can resume from: its own progress, or the metric states of another cell of its stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchbox.bench.cell import Cell
from benchbox.bench.provenance import machine
from benchbox.bench.row import state_key
from benchbox.bench.saving import n_in_files
from benchbox.bench.shard_result import ShardResult
from benchbox.metric import Metric
from benchbox.store.states import MetricState
from benchbox.store.store import Store

Metrics = Mapping[str, Metric]
"""By their labels in the row."""

SAME_MACHINE = ("device", "torch", "cuda", "git")
"""Columns of the machine that must be unchanged for a cell to resume from its progress."""


def state_keys(cell: Cell, metrics: Metrics) -> dict[str, str]:
    return {label: state_key(cell, metric) for label, metric in metrics.items()}


def n_resumable(cell: Cell, metrics: Metrics, store: Store, most: int) -> int:
    """How many samples an earlier run has made, `most` at most."""
    progress = stored_progress(cell, metrics, store)
    return max(progress.report["n"] if progress else 0, n_with_statistics(cell, metrics, store, most))


def n_with_statistics(cell: Cell, metrics: Metrics, store: Store, most: int) -> int:
    """The number of samples that every metric's stored state has seen.

    An adaptive sampler runs whole noise blocks, so it resumes only from a multiple of their size.
    """
    counts = {store.statistics.count(name) for name in state_keys(cell, metrics).values()}
    n = counts.pop() if len(counts) == 1 else 0
    return 0 if n > min(most, n_saved(cell)) or (cell.adaptive and n % cell.noise_block) else n


def n_saved(cell: Cell) -> int:
    """The most samples to resume from: where samples are saved, those that are in files."""
    return cell.n_samples if cell.save is None else n_in_files(cell)


def resumable(cell: Cell, metrics: Metrics, store: Store, most: int) -> ShardResult | None:
    """The result for the samples that an earlier run has made; None where there is none or it is damaged."""
    progress, n = stored_progress(cell, metrics, store), n_with_statistics(cell, metrics, store, most)
    if n <= (progress.report["n"] if progress else 0):
        return progress
    stored = {label: store.statistics.get(key) for label, key in state_keys(cell, metrics).items()}
    states = {label: state for label, state in stored.items() if state is not None}
    return from_statistics(states) if len(states) == len(metrics) else progress


def from_statistics(states: dict[str, MetricState]) -> ShardResult:
    """The stored metric states of the same samples as one result."""
    first = next(iter(states.values()))
    report = {"status": "done", "reason": None, "n": first.n, "counts": first.counts, "costs": None}
    return ShardResult(report, {label: state.state for label, state in states.items()})


def save_progress(cell: Cell, metrics: Metrics, store: Store, result: ShardResult) -> None:
    """Store the result so far of a cell that is not finished, in one file with the states of all its metrics."""
    report = result.report | {"keys": state_keys(cell, metrics), "where": machine_columns(cell)}
    store.put_progress(cell.id, ShardResult(report, result.states).to_bytes())


def machine_columns(cell: Cell) -> dict[str, Any]:
    columns = machine(cell.device)
    return {name: columns[name] for name in SAME_MACHINE}


def stored_progress(cell: Cell, metrics: Metrics, store: Store) -> ShardResult | None:
    """The stored result so far of a cell, by the same metrics, with the same code and on the same kind of machine."""
    data = store.get_progress(cell.id)
    if not data:
        return None
    try:
        result = ShardResult.from_bytes(data)
        n, rows = result.report["n"], result.report["counts"]["rows"]
        whole_blocks = not (cell.adaptive and n % cell.noise_block)
        if not (isinstance(n, int) and 0 < n < cell.n_samples and n <= n_saved(cell) and whole_blocks and rows > 0):
            return None
        if result.report["keys"] != state_keys(cell, metrics) or result.report["where"] != machine_columns(cell):
            return None
        return ShardResult(result.report | {"costs": None}, result.states)
    except Exception:  # numpy and json raise anything for damaged bytes: the samples are made again
        return None
