"""What a sweep will cost, from rows measured before."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch

from benchbox.bench.cell import Cell
from benchbox.bench.estimate import CostEstimate, Costs, total
from benchbox.bench.hardware import device_name
from benchbox.bench.settings import parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.store import schema
from benchbox.store.schema import MIB


def cell(sampler: str = "heun", nfe: int = 9, settings: tuple[str, ...] = (), **request: Any) -> Cell:
    asked = {"models": ["gaussian"], "n_samples": 100, "batch_size": 32, "settings": parse_settings(settings)} | request
    (made,) = expand(Request([sampler], [nfe], **asked))
    return made


def row(of: Cell, **values: Any) -> dict[str, Any]:
    """A row of the cell: 1 ms for an evaluation of a sample, unless said otherwise."""
    nfe = float(of.nfe_planned or 40)
    here = {"device": device_name("cpu"), "threads": torch.get_num_threads(), "batch_size": of.batch_size}
    cost = {"nfe": nfe, "n_samples": of.n_samples, "n_timed": of.n_samples, "wall_s": 1e-3 * nfe * of.n_samples}
    rest = {"decode_s": 0.0, "rss_peak_mb": 300.0, "gpu_mem_peak_mb": None, "timing_valid": True, "status": "done"}
    return of.identity | {"stream": of.stream} | here | cost | rest | values


def estimate(of: Cell, *rows: dict[str, Any], made: int = 0) -> CostEstimate:
    return Costs(pd.DataFrame(list(rows))).estimate(of, made)


def test_the_time_is_evaluations_times_what_one_cost_the_same_sampler() -> None:
    rows = [row(cell(), wall_s=w * 9 * 100, decode_s=d) for w, d in ((1e-3, 0.9), (5e-3, 0.0), (3e-3, 0.0))]
    other = row(cell("ddim", 5), wall_s=1e3)
    found = estimate(cell(nfe=35, n_samples=2000), other, *rows)
    assert found.seconds == pytest.approx(35 * 2000 * 3e-3)  # the median; the first is 2e-3 with its decoding
    assert "rows of heun" in found.basis
    assert estimate(cell(nfe=35, n_samples=2000), *rows[:1]).seconds == pytest.approx(35 * 2000 * 2e-3)
    assert estimate(cell(nfe=35, n_samples=2000), *rows, made=1500).seconds == pytest.approx(35 * 500 * 3e-3)


def test_without_a_row_of_the_sampler_the_others_on_the_model_serve() -> None:
    found = estimate(cell(), row(cell("ddim", 5)), row(cell(settings=("s_churn=40",)), wall_s=9 * 100 * 3e-3))
    assert found.seconds == pytest.approx(9 * 100 * 2e-3)
    assert "other samplers" in found.basis


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"device": "another"},
        {"threads": 77},
        {"dtype": "float64"},
        {"model": "mixture"},
        {"model_options": "{}"},
        {"batch_size": 64},
        {"status": "failed"},
        {"wall_s": None},
    ],
)
def test_rows_of_another_place_model_or_batch_say_nothing(elsewhere: dict[str, Any]) -> None:
    found = estimate(cell(), row(cell(), **elsewhere))
    assert found.seconds is None
    assert "unknown: no row of gaussian in batches of 32 on this device" in found.basis


def test_times_of_a_shared_machine_serve_only_where_there_are_no_others() -> None:
    bad = row(cell(), wall_s=9 * 100 * 9e-3, timing_valid=False)
    assert estimate(cell(), bad).seconds == pytest.approx(9 * 100 * 9e-3)
    assert estimate(cell(), bad, bad, row(cell())).seconds == pytest.approx(9 * 100 * 1e-3)


def test_rows_count_what_they_timed_and_old_ones_all_they_made() -> None:
    part = row(cell(), n_timed=50.0)
    assert estimate(cell(), part).seconds == pytest.approx(9 * 100 * 2e-3)
    del part["n_timed"]
    assert estimate(cell(), part).seconds == pytest.approx(9 * 100 * 1e-3)


def test_what_an_adaptive_sampler_spends_is_what_it_spent() -> None:
    adaptive = cell("ode", settings=("method=dopri5",))
    assert adaptive.nfe_planned is None
    assert estimate(adaptive, row(cell())).seconds is None
    assert estimate(adaptive, row(adaptive)).seconds == pytest.approx(40 * 100 * 1e-3)


def test_memory_is_the_most_that_was_measured_else_a_lower_bound() -> None:
    rows = [row(cell(), rss_peak_mb=mib) for mib in (300.0, 500.0, 400.0)]
    assert estimate(cell("ddim", 5), *rows).bytes == 500 * MIB
    assert estimate(cell(), *rows, row(cell(), gpu_mem_peak_mb=2000.0)).bytes == 2000 * MIB
    unknown = estimate(cell())
    assert unknown.bytes == 4 * 32 * 4 * 4  # arrays, batch, numbers of a sample, bytes of float32
    assert "at least" in unknown.basis
    assert estimate(cell(dtype="float64")).bytes == 2 * 4 * 32 * 4 * 4
    bundled = estimate(cell(models=["mnist-edm"], metrics=[], nfe=3, batch_size=64))
    assert bundled.bytes is not None
    assert 2**19 < bundled.bytes - 4 * 64 * 784 * 4 < 2**25  # the weights' file


def test_a_skipped_cell_costs_nothing() -> None:
    skipped = cell("heun", 18, nfe_policy="skip")
    assert skipped.skip
    assert (estimate(skipped).seconds, estimate(skipped).bytes) == (0.0, 0)


def test_the_total_says_how_much_of_it_is_known() -> None:
    assert total([CostEstimate(2.0, 10, ""), CostEstimate(3.0, 7, "")]) == CostEstimate(5.0, 10, "all cells")
    part = total([CostEstimate(2.0, 10, ""), CostEstimate(None, None, "")])
    assert part == CostEstimate(2.0, 10, "1 of 2 cells; the others are unknown")
    assert total([CostEstimate(None, None, "")]).seconds is None
    assert total([]) == CostEstimate(0, None, "all cells")


def test_rows_as_they_are_read_from_files_serve(tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    import benchbox

    of = cell()
    pq.write_table(schema.table(row(of, cell=of.id)), tmp_path / f"{of.id}.parquet")
    costs = Costs(benchbox.load_results(tmp_path))
    assert costs.estimate(of).seconds == pytest.approx(0.9)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert Costs(benchbox.load_results(empty)).estimate(of).seconds is None
