"""Processor seconds of whole commands: `pytest benchmarks/test_commands.py --benchmark-enable -n0 -s`.

Each is a new process with one thread; the time of the interpreter and of imports is in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchbox.store.store import Store
from benchmarks.test_busy import processor_seconds
from benchmarks.test_store import REFERENCE

RUN = ("run", "--sampler", "heun", "--nfe", "18", "--samples", "16", "--model", "gaussian")


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")


def seconds(directory: Path, *words: str) -> float:
    """The least of three runs."""
    command = [sys.executable, "-m", "benchbox", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    runs = (subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=directory) for _ in range(3))
    return min(processor_seconds(run) for run in runs)


def reference(directory: Path, n: int) -> None:
    """The rows of results/survey over and over, each repetition with another seed."""
    rows = Store(REFERENCE).table()
    repeated = np.arange(n)
    table = rows.take(pa.array(repeated % len(rows)))
    for name, values in {"cell": [f"{i:016x}" for i in repeated], "seed": repeated // len(rows)}.items():
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, pa.array(values, type=table.schema.field(name).type))
    directory.mkdir()
    Store(directory).put_many(table)


@pytest.mark.parametrize(
    ("n", "format", "limit"), [(310, "table", 2), (310, "html", 3), (10_000, "table", 8), (100_000, "table", 8)]
)
def test_a_leaderboard(tmp_path: Path, n: int, format: str, limit: float) -> None:
    reference(tmp_path / "rows", n)
    taken = seconds(tmp_path, "leaderboard", "rows", "--format", format, "--output", "board")
    print(f"leaderboard of {n} rows as {format}: {taken:.1f} s")
    assert taken <= limit


def test_a_run_that_has_nothing_to_do(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "benchbox", *RUN], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    taken = seconds(tmp_path, *RUN)
    print(f"nothing to do: {taken:.2f} s")
    assert taken <= 1
