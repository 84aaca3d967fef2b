"""What cells will cost, by the rows that were measured before on this device."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import pandas as pd
import torch

from benchbox.bench.cell import Cell, dumps, option_values
from benchbox.bench.meter import MIB, device_name
from benchbox.errors import UsageError
from benchbox.options import describe

LEAST_ARRAYS = 4
"""Arrays of a batch that a run holds at the least: state, noise, denoised state, and what the network puts out."""

PLACE = ["device", "threads", "dtype", "model", "model_options", "batch_size"]
SAMPLER = ["sampler", "sampler_options"]


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of sampling and bytes of memory (None: unknown), and of what they are an estimate."""

    seconds: float | None
    bytes: int | None
    basis: str


class Costs:
    """What an evaluation of a sample cost in the rows, and the memory that they took."""

    def __init__(self, rows: pd.DataFrame) -> None:
        done = finished_rows(rows)
        by_sampler, self.rates = [*PLACE, *SAMPLER], dict[Hashable, float]()
        for some in (done, done[done["timing_valid"].eq(True)]):  # valid times, where there are some
            self.rates |= medians(some, by_sampler, "rate") | medians(some, PLACE, "rate")
        self.nfe = medians(done, by_sampler, "nfe")
        self.memory = {key: float(most) for key, most in done.groupby(PLACE)["peak"].max().dropna().items()}

    def estimate(self, cell: Cell, made: int = 0) -> CostEstimate:
        """Of a cell of which `made` samples need not be made again."""
        if cell.skip:
            return CostEstimate(0.0, 0, "nothing is run")
        seconds, of_time = self._seconds(cell, cell.n_samples - made)
        size, of_memory = self._bytes(cell)
        return CostEstimate(seconds, size, f"time: {of_time}; memory: {of_memory}")

    def _seconds(self, cell: Cell, samples: int) -> tuple[float | None, str]:
        where, sampler = groups_of(cell)
        nfe = cell.nfe_planned or (None if cell.guidance else self.nfe.get(sampler))
        if nfe is None:
            return None, f"unknown: what {cell.sampler.name} spends was not measured here"
        for key, of in ((sampler, f"rows of {cell.sampler.name}"), (where, "rows of other samplers")):
            if (rate := self.rates.get(key)) is not None:
                return nfe * samples * rate, of
        return None, f"unknown: no row of {cell.model.title} in batches of {cell.batch_size} on this device"

    def _bytes(self, cell: Cell) -> tuple[int, str]:
        if (peak := self.memory.get(groups_of(cell)[0])) is not None:
            return int(peak * MIB), "the most of the rows"
        return least(cell), f"at the least the weights and {LEAST_ARRAYS} arrays of a batch"


def estimates(cells: Sequence[Cell], rows: pd.DataFrame, made: Sequence[int] = ()) -> list[CostEstimate]:
    """One estimate for each cell; `made` of its samples need not be made again."""
    costs = Costs(rows)
    return [costs.estimate(cell, n) for cell, n in zip(cells, made or [0] * len(cells), strict=True)]


def total(found: Sequence[CostEstimate]) -> CostEstimate:
    """Of cells that run one after the other: the sum of the times that are known, and the most memory."""
    known = [e.seconds for e in found if e.seconds is not None]
    sizes = [e.bytes for e in found if e.bytes is not None]
    basis = "all cells" if len(known) == len(found) else f"{len(known)} of {len(found)} cells; the others are unknown"
    return CostEstimate(sum(known) if known or not found else None, max(sizes, default=None), basis)


def finished_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The finished rows with seconds for an evaluation of a sample, and the memory of the device that they ran on."""
    needed = [*PLACE, *SAMPLER, "status", "nfe", "n_samples", "wall_s", "rss_peak_mb", "timing_valid"]
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *needed, "n_timed", "gpu_mem_peak_mb", "decode_s"])))
    rows = rows[(rows["status"] == "done") & (rows["nfe"] > 0) & (rows["wall_s"] > 0)]
    evaluations = rows["nfe"] * rows["n_timed"].fillna(rows["n_samples"])  # rows of the first schema lack n_timed
    rate = (rows["wall_s"] + rows["decode_s"].fillna(0.0)) / evaluations
    return rows.assign(rate=rate, peak=rows["gpu_mem_peak_mb"].fillna(rows["rss_peak_mb"]))


def medians(rows: pd.DataFrame, by: list[str], column: str) -> dict[Hashable, float]:
    """The median of a column in each group."""
    return {key: float(value) for key, value in rows.groupby(by)[column].median().items()}


def groups_of(cell: Cell) -> tuple[Hashable, Hashable]:
    """The groups that a cell belongs to: that of its model in this place, and that of its sampler on it."""
    place = device_name(cell.device), torch.get_num_threads(), cell.dtype
    where = *place, cell.model.title, dumps(describe(cell.model)), cell.batch_size
    return where, (*where, cell.sampler.name, dumps(describe(cell.sampler)))


def least(cell: Cell) -> int:
    """Bytes that a cell takes at the least."""
    size = 8 if cell.dtype == "float64" else 4  # the state is float32 at the least, whatever the network computes in
    batch = cell.noise_block if cell.adaptive else min(cell.batch_size, cell.n_samples)
    return (
        sum(file.stat().st_size for file in weight_files(cell)) + LEAST_ARRAYS * batch * prod(cell.model.shape) * size
    )


def weight_files(cell: Cell) -> Iterator[Path]:
    """The files of a model's weights, as far as it names them."""
    named = getattr(cell.model, "weights", None)
    with suppress(UsageError):  # they are missing or damaged: the run says so
        found = named() if callable(named) else named
        yield from (file for file in (found, *option_values(cell.model)) if isinstance(file, Path) and file.is_file())
