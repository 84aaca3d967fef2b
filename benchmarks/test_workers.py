"""Throughput of one and of two single-threaded worker processes: pytest benchmarks/test_workers.py --benchmark-enable.

The workers load the model before the clock starts. On two idle cores, two workers should take at most 1/1.7 of the time
of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeping import run_cells

from benchbox.bench.sweep import Request, expand
from benchbox.cli.watch import Progress
from benchbox.executors.local import Local
from benchbox.store import schema
from benchbox.store.store import Store

ROUNDS = 3

rows: dict[int, list[dict[str, Any]]] = {}


@pytest.mark.parametrize("workers", [1, 2])
def test_throughput(benchmark: Any, tmp_path: Path, workers: int) -> None:
    """Four cells of 256 samples at 9 evaluations with the default network."""
    cells = expand(Request(["heun", "ddim"], [9], seeds=[0, 1], n_samples=256))
    executor, store = Local(workers=workers, isolate=True, threads=1), Store(tmp_path)
    store.prepare()

    def sweep() -> list[dict[str, Any]]:
        with Progress(cells) as watcher:
            return list(run_cells(cells, store, executor, watcher, force=True))

    try:
        sweep()
        rows[workers] = benchmark.pedantic(sweep, rounds=ROUNDS)
    finally:
        executor.shutdown()


def test_the_rows_are_the_same() -> None:
    """Bit for bit, in every column that is not measured."""
    lasting = [[{k: v for k, v in row.items() if k not in schema.MEASURED} for row in each] for each in rows.values()]
    assert lasting[0] == lasting[1]
