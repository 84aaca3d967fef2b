"""Cost estimates of cells, from the rows measured before on this device."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.bench.cell import Cell
from benchbox.bench.hardware import device_name
from benchbox.errors import UsageError
from benchbox.options import describe, option_values
from benchbox.store.paths import dumps
from benchbox.store.schema import MIB

if TYPE_CHECKING:
    import pandas as pd

LEAST_ARRAYS = 4
"""The least number of arrays of a batch's size in a run: state, noise, denoised state, output of the network."""

NETWORK = ["weights_dtype", "memory_format", "compile"]
PLACE = ["device", "threads", "dtype", *NETWORK, "model", "model_options", "batch_size"]
SAMPLER = ["sampler", "sampler_options"]


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of sampling and bytes of memory (None: unknown), and the rows on which they are based."""

    seconds: float | None
    bytes: int | None
    basis: str


class Costs:
    """Seconds per evaluation of a sample, and memory, in the rows measured before."""

    def __init__(self, rows: pd.DataFrame) -> None:
        done = finished_rows(rows)
        by_sampler, self.rates = [*PLACE, *SAMPLER], dict[Hashable, float]()
        for timed in (done, done[done["timing_valid"].eq(True)]):  # reliable timings replace the others
            self.rates |= medians(timed, by_sampler, "rate") | medians(timed, PLACE, "rate")
        self.nfe = medians(done, by_sampler, "nfe")
        self.memory = {key: float(peak) for key, peak in done.groupby(PLACE)["peak"].max().dropna().items()}

    def estimate(self, cell: Cell, n_kept: int = 0) -> CostEstimate:
        """The estimate for a cell; an earlier run has made n_kept of its samples."""
        if cell.skip:
            return CostEstimate(0.0, 0, "nothing is run")
        seconds, of_time = self._seconds(cell, cell.n_samples - n_kept)
        size, of_memory = self._bytes(cell)
        return CostEstimate(seconds, size, f"time: {of_time}; memory: {of_memory}")

    def _seconds(self, cell: Cell, samples: int) -> tuple[float | None, str]:
        by_model, by_sampler = groups_of(cell)
        nfe = cell.nfe_planned or (None if cell.guidance else self.nfe.get(by_sampler))
        if nfe is None:
            return None, f"unknown: the NFE of {cell.sampler.name} was not measured on this device"
        for key, basis in ((by_sampler, f"rows of {cell.sampler.name}"), (by_model, "rows of other samplers")):
            if (rate := self.rates.get(key)) is not None:
                return nfe * samples * rate, basis
        return None, f"unknown: no row of {cell.model.title} in batches of {cell.batch_size} on this device"

    def _bytes(self, cell: Cell) -> tuple[int, str]:
        if (peak := self.memory.get(groups_of(cell)[0])) is not None:
            return int(peak * MIB), "the largest peak of the rows"
        return least_bytes(cell), f"at least the weights and {LEAST_ARRAYS} arrays of a batch"


def total(costs: Sequence[CostEstimate]) -> CostEstimate:
    """The estimate for cells that run one after the other: the sum of the known times, and the largest memory."""
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    sizes = [cost.bytes for cost in costs if cost.bytes is not None]
    all_known = len(seconds) == len(costs)
    basis = "all cells" if all_known else f"{len(seconds)} of {len(costs)} cells; the others are unknown"
    return CostEstimate(sum(seconds) if seconds or not costs else None, max(sizes, default=None), basis)


def finished_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The finished rows with seconds per evaluation of a sample, `rate`, and peak memory of their device, `peak`."""
    needed = [*PLACE, *SAMPLER, "status", "nfe", "n_samples", "wall_s", "rss_peak_mb", "timing_valid"]
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *needed, "n_timed", "gpu_mem_peak_mb", "decode_s"])))
    rows = rows[(rows["status"] == "done") & (rows["nfe"] > 0) & (rows["wall_s"] > 0)]
    evaluations = rows["nfe"] * rows["n_timed"].fillna(rows["n_samples"])  # rows of the first schema lack n_timed
    rate = (rows["wall_s"] + rows["decode_s"].fillna(0.0)) / evaluations
    rows = rows.assign(**{name: rows[name].astype(object).where(rows[name].notna(), "") for name in NETWORK})
    return rows.assign(rate=rate, peak=rows["gpu_mem_peak_mb"].fillna(rows["rss_peak_mb"]))


def medians(rows: pd.DataFrame, by: list[str], column: str) -> dict[Hashable, float]:
    return {key: float(value) for key, value in rows.groupby(by)[column].median().items()}


def groups_of(cell: Cell) -> tuple[Hashable, Hashable]:
    """The group of a cell by model and device, and by model, device and sampler."""
    import torch

    network = (cell.identity.get(name, "") for name in NETWORK)
    place = (device_name(cell.device), torch.get_num_threads(), cell.dtype, *network)
    by_model = *place, cell.model.title, dumps(describe(cell.model)), cell.batch_size
    return by_model, (*by_model, cell.sampler.name, dumps(describe(cell.sampler)))


def least_bytes(cell: Cell) -> int:
    """A lower bound of the bytes of memory that a cell takes."""
    size = 8 if cell.dtype == "float64" else 4  # the state is float32 where the network computes in 16 bits
    batch = cell.noise_block if cell.adaptive else min(cell.batch_size, cell.n_samples)
    return (
        sum(file.stat().st_size for file in weight_files(cell)) + LEAST_ARRAYS * batch * prod(cell.model.shape) * size
    )


def weight_files(cell: Cell) -> Iterator[Path]:
    """The files of a model's weights, where it names them."""
    weights = getattr(cell.model, "weights", None)
    with suppress(UsageError):  # they are missing or damaged: the run reports it
        values = (weights() if callable(weights) else weights, *option_values(cell.model))
        yield from (value for value in values if isinstance(value, Path) and value.is_file())
