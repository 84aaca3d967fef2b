"""The website of 5,000 rows, in at most ten seconds: `pytest benchmarks/test_site.py --benchmark-enable`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchbox.report.page.folder import write_site
from benchbox.report.page.site import Site
from benchbox.store.store import load_results

REFERENCE = Path(__file__).parents[1] / "results" / "survey"
N = 5000


def test_site(benchmark: Any, tmp_path: Path) -> None:
    rows = load_results(str(REFERENCE))
    frame = rows.iloc[np.arange(N) % len(rows)].assign(cell=[f"{i:016x}" for i in range(N)], seed=np.arange(N))
    benchmark.pedantic(write_site, [Site(frame.reset_index(drop=True), lambda kind, name: {}), tmp_path], rounds=1)
    if benchmark.stats:
        assert benchmark.stats.stats.min <= 10
