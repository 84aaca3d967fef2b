"""A run: the samples of a cell, or of a part of it, with their counts and their costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from benchbox.bench import interrupt
from benchbox.bench.cell import DTYPES, Cell
from benchbox.bench.meter import Meter
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.errors import Told
from benchbox.grid import Levels
from benchbox.guided import guided
from benchbox.limit import check_time
from benchbox.model import Model
from benchbox.noise import Noise

Tick = Callable[[], None]


@lru_cache(maxsize=4)
def loaded_denoiser(model: Model, device: str, dtype: str) -> Denoiser:
    """The model, loaded once in a process for all cells that use it."""
    return Denoiser(model, torch.device(device), DTYPES[dtype])


class Diverged(Told):
    """A sample that is not finite."""


def diverged(first: int, n: int) -> Diverged:
    return Diverged(f"samples {first} to {first + n - 1} are not all finite")


class Watched:
    """A denoiser that remembers whether all its outputs were finite."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.finite = denoise, True

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        out = self.denoise(x, sigma)
        self.finite = self.finite and bool(torch.isfinite(out).all())
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)


class Run:
    """Makes samples of a cell batch by batch, and keeps the counts and the clock."""

    warm: tuple[str, int] | None = None
    """Stream and batch size of the last run in this process: one like it need not be warmed up."""

    def __init__(self, cell: Cell, tick: Tick = lambda: None) -> None:
        self.cell, self.tick = cell, tick
        self.began = time.monotonic()
        self.device = torch.device(cell.device)
        self.denoise = loaded_denoiser(cell.model, cell.device, cell.dtype)
        self.levels = cell.levels
        self.dtype = torch.float64 if cell.dtype == "float64" else torch.float32
        self.size = cell.noise_block if cell.adaptive else cell.batch_size
        self.warm_up()
        self.denoise.reset()
        self.meter, self.decoding = Meter(self.device), Meter(self.device)
        self.begun, self.rows, self.nfe_max, self.calls_max = 0, 0, 0.0, 0.0

    def warm_up(self) -> None:
        """The first interval, outside the clock: imports, allocations, kernels, caches."""
        like = (self.cell.stream, self.size)
        if Run.warm == like:
            return
        run = self.size if self.cell.adaptive else min(self.size, self.cell.n_samples)
        levels = self.levels if len(self.levels.sigmas) < 2 else self.levels.interval(0)
        self.denoise.at(torch.arange(run, device=self.device))
        try:
            self.walk(levels, 0, run, "denoise")
        except torch.OutOfMemoryError:
            return  # the run itself says so, and tries a smaller batch
        Run.warm = like

    def samples(self, first: int = 0, n: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of finished samples first … first+n−1 and their global numbers.

        Diverged at the first batch that is not finite; Interrupted between two of them where that was asked for. A
        batch that the device has no memory for is halved; `size` says to what.
        """
        end = self.cell.n_samples if n is None else first + n
        while first < end:
            interrupt.raise_if_stopped()
            kept = min(self.size, end - first)
            run = self.size if self.cell.adaptive else kept
            x = self.halving(first, run)
            if x is None:
                continue
            if not bool(torch.isfinite(x).all()):
                raise diverged(first, run)
            yield x[:kept], torch.arange(first, first + kept, device=self.device)
            first += kept

    def halving(self, first: int, run: int) -> Tensor | None:
        """A batch of samples; None where there was no memory for it, and half of it is to be tried."""
        before = self.denoise.counts()
        try:
            return self.batch(first, run)
        except torch.OutOfMemoryError:
            if self.cell.adaptive or run == 1:
                raise
        self.denoise.recount(before)
        self.begun -= run
        self.size = run // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def batch(self, first: int, run: int) -> Tensor:
        cell, before, calls = self.cell, self.denoise.evaluations, self.denoise.guided_calls
        self.begun += run
        index = torch.arange(first, first + run, device=self.device)
        with self.meter:
            self.denoise.at(index)
            x = self.walk(self.levels, first, run, cell.final, self.tick)
        with torch.no_grad() if cell.sampler.needs_grad else torch.inference_mode(), self.decoding:
            x = cell.model.decode(x)
        self.rows += run
        self.nfe_max = max(self.nfe_max, (self.denoise.evaluations - before) / run)
        self.calls_max = max(self.calls_max, (self.denoise.guided_calls - calls) / run)
        return x

    def walk(self, levels: Levels, first: int, run: int, final: str, tick: Tick = lambda: None) -> Tensor:
        """The last state of a batch. Diverged where the sampler fails because the model's output is not finite."""
        try:
            denoise = guided(self.cell.guidance, self.denoise, levels)
            for state in trajectory(self.cell.sampler, denoise, levels, self.noise(first, run), final):
                x = state
                tick()
                check_time()
        except (Told, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if self.finite(levels, first, run, final):
                raise
            raise diverged(first, run) from error
        return x

    def finite(self, levels: Levels, first: int, run: int, final: str) -> bool:
        """Whether all that the model gives in a batch is finite: a second pass, which is not counted."""
        before, watched = self.denoise.counts(), Watched(guided(self.cell.guidance, self.denoise, levels))
        with suppress(Exception):
            for _ in trajectory(self.cell.sampler, cast(Denoiser, watched), levels, self.noise(first, run), final):
                pass
        self.denoise.recount(before)
        return watched.finite

    def noise(self, first: int, run: int) -> Noise:
        cell = self.cell
        return Noise(cell.seed, first, run, cell.model.shape, cell.noise_on, self.dtype, cell.noise_block, self.device)

    def counts(self) -> dict[str, float]:
        """What was spent: sums over the samples, and the most that one batch spent on each of its own."""
        spent = self.denoise
        return {
            "rows": self.begun, "evaluations": spent.evaluations, "backward": spent.backward_rows,
            "clamped": spent.all_clamped, "nfe_max": self.nfe_max,
        } | self.guided_counts()  # fmt: skip

    def guided_counts(self) -> dict[str, float]:
        """What only a guided run counts: evaluations of the guided denoiser, and of networks besides the model's."""
        if self.cell.guidance is None:
            return {}
        return {"calls": self.denoise.guided_calls, "calls_max": self.calls_max, "guides": self.denoise.guide_rows}

    def costs(self) -> dict[str, Any]:
        """Time, memory and energy; None what cannot be measured here."""
        halved = self.size < self.cell.batch_size and not self.cell.adaptive
        return {
            "rows": self.rows, "elapsed_s": time.monotonic() - self.began, "wall_s": self.meter.seconds,
            "model_s": self.denoise.all_seconds, "decode_s": self.decoding.seconds,
            "timing_valid": not (halved or self.meter.shared), **self.meter.costs(),
        }  # fmt: skip


def make_samples(cell: Cell) -> Tensor:
    """The samples of a cell, (n_samples, *shape)."""
    return torch.cat([x for x, _ in Run(cell).samples()])
