"""A run: makes the samples of a cell or of a shard, and measures what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import torch
from torch import Tensor

from benchbox.bench.cell import Cell
from benchbox.bench.meter import Meter
from benchbox.bench.recording import FiniteCheck
from benchbox.denoiser import Denoiser
from benchbox.device import clock
from benchbox.driver import mode, states, trajectory
from benchbox.errors import Told
from benchbox.grid import Levels
from benchbox.guidance import guided
from benchbox.noise import Noise
from benchbox.stopping import check_time, raise_if_stopped

Tick = Callable[[], None]


class Diverged(Told):
    """A sample that is not finite."""


def diverged(first: int, n: int) -> Diverged:
    return Diverged(f"samples {first} to {first + n - 1} are not all finite")


class Run:
    """Makes samples of a cell batch by batch; counts evaluations and measures time, memory and energy."""

    warm: tuple[str, int] | None = None
    """Stream and batch size of the last run in this process; a run of the same needs no warm-up."""

    def __init__(self, cell: Cell, tick: Tick = lambda: None) -> None:
        self.cell, self.tick = cell, tick
        self.began = time.monotonic()
        self.device = torch.device(cell.device)
        self.denoise = cell.denoiser()
        self.levels = cell.levels
        self.dtype = torch.float64 if cell.dtype == "float64" else torch.float32
        self.size = cell.noise_block if cell.adaptive else cell.batch_size
        self.warm_s = self.first_s = 0.0
        self.warm_up()
        self.denoise.reset()
        self.meter, self.decoding = Meter(self.device), clock(self.device)
        self.begun, self.rows, self.nfe_max, self.calls_max = 0, 0, 0.0, 0.0

    def warm_up(self) -> None:
        """Run the first interval, which is not timed: imports, allocations, kernels, caches.

        A compiled network runs a whole batch: a guidance may ask it otherwise at other levels.
        """
        key = (self.cell.stream, self.size)
        if Run.warm == key:
            return
        n = self.size if self.cell.adaptive else min(self.size, self.cell.n_samples)
        first_only = len(self.levels.sigmas) > 1 and not self.cell.acceleration.compiled
        levels = self.levels.interval(0) if first_only else self.levels
        self.denoise.at(torch.arange(n, device=self.device))
        meter = Meter(self.device)
        try:
            with meter.timed():
                self.walk(levels, 0, n, self.cell.final if self.cell.acceleration.compiled else "denoise")
        except torch.OutOfMemoryError:
            return  # the run itself tries a smaller batch
        finally:
            self.warm_s = meter.seconds
        Run.warm = key

    def samples(self, first: int = 0, n: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of finished samples first … first+n−1 and their global numbers.

        A batch that does not fit into the device's memory is halved, to `size`. Diverged where a sample is not finite;
        Interrupted, between two batches, where a stop was requested.
        """
        end = self.cell.n_samples if n is None else first + n
        while first < end:
            raise_if_stopped()
            n_new = min(self.size, end - first)
            n_run = self.run_size(n_new)
            x = self.batch_or_halve(first, n_run)
            if x is None:
                continue
            if not bool(torch.isfinite(x).all()):
                raise diverged(first, n_run)
            yield x[:n_new], torch.arange(first, first + n_new, device=self.device)
            first += n_new

    def run_size(self, n: int) -> int:
        """The size of the batch that is run for n samples.

        Samples of an adaptive sampler depend on it, and a compiled network would be compiled again for another.
        """
        if self.cell.adaptive:
            return self.size
        return min(self.size, self.cell.n_samples) if self.cell.acceleration.compiled else n

    def batch_or_halve(self, first: int, n: int) -> Tensor | None:
        """A batch of samples; None, and half the batch size, where it does not fit into memory."""
        before = self.denoise.counts()
        try:
            return self.batch(first, n)
        except torch.OutOfMemoryError:
            if self.cell.adaptive or n == 1:
                raise
        self.denoise.recount(before)
        self.begun -= n
        self.size = n // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def batch(self, first: int, n: int) -> Tensor:
        """The samples first … first+n−1, decoded; `latents` is what they were before."""
        cell, before, calls = self.cell, self.denoise.evaluations, self.denoise.guided_calls
        self.begun += n
        index = torch.arange(first, first + n, device=self.device)
        with self.meter.timed():
            self.denoise.at(index)
            x = self.walk(self.levels, first, n, cell.final, self.tick)
        self.first_s = self.first_s or self.meter.seconds
        self.latents = x
        if cell.model.latent:
            with mode(cell.sampler):
                x = self.decoding(cell.model.decode, x)
        self.rows += n
        self.nfe_max = max(self.nfe_max, (self.denoise.evaluations - before) / n)
        self.calls_max = max(self.calls_max, (self.denoise.guided_calls - calls) / n)
        return x

    def walk(self, levels: Levels, first: int, n: int, final: str, tick: Tick = lambda: None) -> Tensor:
        """The last state of a batch. Diverged where the sampler fails because the model's output is not finite."""
        try:
            with mode(self.cell.sampler):
                denoise = guided(self.cell.guidance, self.denoise, levels)
                for state in states(self.cell.sampler, denoise, levels, self.noise(first, n), final):
                    x = state
                    tick()
                    check_time()
        except (Told, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if self.finite(levels, first, n, final):
                raise
            raise diverged(first, n) from error
        return x

    def finite(self, levels: Levels, first: int, n: int, final: str) -> bool:
        """Whether all outputs of the model in a batch are finite, by a second pass that is not counted."""
        before, checked = self.denoise.counts(), FiniteCheck(guided(self.cell.guidance, self.denoise, levels))
        with suppress(Exception):
            for _ in trajectory(self.cell.sampler, cast(Denoiser, checked), levels, self.noise(first, n), final):
                pass
        self.denoise.recount(before)
        return checked.finite

    def noise(self, first: int, n: int) -> Noise:
        cell = self.cell
        on, block, steps = cell.noise_device, cell.noise_block, len(self.levels.sigmas) - 1
        return Noise(cell.seed, first, n, cell.model.shape, on, self.dtype, block, self.device, steps)

    def counts(self) -> dict[str, float]:
        """Evaluations, summed over the samples, and the most per sample that one batch spent."""
        denoise = self.denoise
        counts = {
            "rows": self.begun, "evaluations": denoise.evaluations, "backward": denoise.backward_rows,
            "clamped": sum(network.clamped for network in denoise.networks()), "nfe_max": self.nfe_max,
        }  # fmt: skip
        if self.cell.guidance is None:
            return counts
        guided = {"calls": denoise.guided_calls, "calls_max": self.calls_max, "guides": denoise.guide_rows}
        return counts | guided  # evaluations of the guided denoiser, and of networks besides the model's

    def costs(self) -> dict[str, Any]:
        """Time, memory and energy; None where this machine cannot measure it."""
        halved = self.size < self.cell.batch_size and not self.cell.adaptive
        return {
            "rows": self.rows, "elapsed_s": time.monotonic() - self.began, "wall_s": self.meter.seconds,
            "model_s": sum(network.clock.seconds for network in self.denoise.networks()),
            "decode_s": self.decoding.seconds,
            "compile_s": max(self.warm_s - self.first_s, 0.0) if self.cell.acceleration.compiled else None,
            "timing_valid": not (halved or self.meter.contention.detected), **self.meter.costs(),
        }  # fmt: skip


def make_samples(cell: Cell) -> Tensor:
    """The samples of a cell, (n_samples, *shape)."""
    return torch.cat([x for x, _ in Run(cell).samples()])
