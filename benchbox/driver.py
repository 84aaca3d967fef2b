"""The one loop: it starts a sampler, steps it, and takes the last denoise; no sampler does any of this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.grid import Levels
from benchbox.noise import Noise
from benchbox.sampler import Sampler


class SamplerError(Exception):
    """A sampler that does not keep the contract."""


def mode(sampler: Sampler) -> AbstractContextManager[object]:
    """The mode of torch in which the sampler runs."""
    return torch.no_grad() if sampler.needs_grad else torch.inference_mode()


def trajectory(
    sampler: Sampler, denoise: Denoiser, levels: Levels, noise: Noise, final: str = "denoise"
) -> Iterator[Tensor]:
    """The `states` of one batch, each made in the sampler's mode of torch; between them the caller is in its own."""
    steps = states(sampler, denoise, levels, noise, final)
    while True:
        with mode(sampler):
            x = next(steps, None)
        if x is None:
            return
        yield x


def states(
    sampler: Sampler, denoise: Denoiser, levels: Levels, noise: Noise, final: str = "denoise"
) -> Iterator[Tensor]:
    """The states of one batch, from the start to the sample, for a caller that has entered `mode` for all of them.

    The first is the start, N(0, start_std²); then whatever the sampler yields, x = x_0 + σ n; then, unless `final` is
    "none", D at the state and level that the sampler's `finish` gives: x and σ_N. With one level the start is denoised
    and the sampler is not called unless it spends evaluations there. SamplerError where the sampler yields less than
    once per interval, or another shape.
    """
    sigmas = levels.sigmas
    x = noise(sigmas[0], sigmas[0]) * levels.start_std
    yield x
    intervals = len(sigmas) - 1
    if intervals or (sampler.evals_per_step is not None and sampler.evals(1) > 0):
        count, shape, dtype = 0, x.shape, x.dtype
        for state in sampler(denoise, x, levels, noise):
            x, count = state, count + 1
            if x.shape != shape or x.dtype != dtype:
                raise SamplerError(
                    f"{sampler.name} yielded {x.dtype} {tuple(x.shape)} for a start of {dtype} {tuple(shape)}"
                )
            yield x
        if count < max(intervals, 1):
            raise SamplerError(
                f"{sampler.name} yielded {count} times on {intervals} intervals: it must once per interval"
            )
    if final == "denoise":
        yield denoise(*sampler.finish(x, levels, noise))


def plan_levels(sampler: Sampler, nfe: int, final: str = "denoise") -> int:
    """The number of levels that a budget buys, the last denoise taken off it; 0 where it buys nothing."""
    budget = nfe - (final == "denoise")
    return sampler.levels(budget) if budget >= 0 else 0


def planned_nfe(sampler: Sampler, n_levels: int, final: str = "denoise") -> int:
    """The evaluations of a whole run on n levels."""
    return sampler.evals(n_levels) + (final == "denoise")


def least_nfe(sampler: Sampler, final: str = "denoise") -> int:
    """The least budget that buys a run."""
    return planned_nfe(sampler, 1, final) or 1


ADAPTIVE_LEVELS = 18
"""Levels given to an adaptive sampler: its output times; it chooses its own steps in between."""
