"""A query over 100,000 rows: `pytest benchmarks/test_store.py --benchmark-enable`.

The rows are copies of those in results/survey with unique ids, in one file as written by `benchbox results compact`.
For comparison: the same query over 1,000 cells with one file each, and the look-up of one row among the 100,000.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchbox.store.store import Store, load_results

REFERENCE = Path(__file__).parents[1] / "results" / "survey"
N = 100_000


def rows(n: int) -> pa.Table:
    """Copies of the reference rows, each with a unique cell id."""
    reference = Store(REFERENCE).table()
    table = pa.concat_tables([reference] * -(-n // len(reference))).slice(0, n)
    cells = pa.array([f"{i:016x}" for i in np.random.default_rng(0).permutation(n)])
    return table.set_column(table.column_names.index("cell"), "cell", cells)


@pytest.fixture(scope="module")
def compacted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("compacted"))
    store.put_many(rows(N))
    return store.directory


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("single"))
    for row in rows(1_000).to_pylist():
        store.put(row)
    return store.directory


def query(directory: Path) -> int:
    """The number of rows of heun with an FID below 10."""
    frame = load_results(directory)
    return len(frame[(frame["sampler"] == "heun") & (frame["fid"] < 10)])


def fresh(directory: Path) -> int:
    """Look up one row with a new store, which has read nothing yet; 1 if it was found."""
    row = Store(directory).get(f"{N // 2:016x}")
    return 0 if row is None else 1


@pytest.mark.parametrize(("act", "place"), [(query, "compacted"), (query, "single"), (fresh, "compacted")])
def test_store(request: pytest.FixtureRequest, benchmark: Any, act: Callable[[Path], int], place: str) -> None:
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")
    directory: Path = request.getfixturevalue(place)
    assert benchmark.pedantic(act, [directory], rounds=5, warmup_rounds=1) > 0
