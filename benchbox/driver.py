"""The one loop: it starts a sampler, steps it, and takes the last denoise; no sampler does any of this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.grid import Grid, Levels
from benchbox.guidance import Guidance
from benchbox.model import Model
from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.noise import Noise


class SamplerError(Exception):
    """A sampler that does not keep the contract."""


def default_grid(model: Model, sampler: Sampler) -> Grid | str:
    """The grid of a run that names none."""
    return model.grid if model.own_grid else sampler.grid or model.grid


def mode(sampler: Sampler) -> AbstractContextManager[object]:
    """The mode of torch in which the sampler runs."""
    import torch

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
    "none", D at the state and level that the sampler's `finish` gives: x and σ_N; of a sampler that jumps, the jump
    from there to the data. With one level the start is denoised and the sampler is not called unless it spends
    evaluations there. SamplerError as in `walk`.
    """
    sigmas = levels.sigmas
    x = noise(sigmas[0], sigmas[0]) * levels.start_std
    yield x
    if len(sigmas) > 1 or (sampler.evals_per_step is not None and sampler.evals(1) > 0):
        for piece in pieces(sampler, levels):
            for state in walk(sampler, denoise, x, piece, noise):
                x = state
                yield x
    if final == "denoise":
        x, sigma = sampler.finish(x, levels, noise)
        yield denoise.jump(x, sigma, 0.0) if sampler.uses_jumps else denoise(x, sigma)


def pieces(sampler: Sampler, levels: Levels) -> list[Levels]:
    """The levels on which the sampler is started.

    A method of order above 1, and an adaptive one, start anew at each jump of the denoiser: a step across it, or a
    history from before it, would reduce the order to 1.
    """
    smooth = (sampler.order or 1) > 1 or sampler.evals_per_step is None
    return list(levels.pieces()) if smooth and levels.jumps else [levels]


def walk(sampler: Sampler, denoise: Denoiser, x: Tensor, levels: Levels, noise: Noise) -> Iterator[Tensor]:
    """The states of a sampler. SamplerError where it yields less than once per interval, or another shape."""
    count, intervals, shape, dtype = 0, len(levels.sigmas) - 1, x.shape, x.dtype
    for state in sampler(denoise, x, levels, noise):
        count += 1
        if state.shape != shape or state.dtype != dtype:
            raise SamplerError(
                f"{sampler.name} yielded {state.dtype} {tuple(state.shape)} for a start of {dtype} {tuple(shape)}"
            )
        yield state
    if count < max(intervals, 1):
        raise SamplerError(f"{sampler.name} yielded {count} times on {intervals} intervals: it must once per interval")


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


def check_jumps(sampler: Sampler, model: Model, guidance: Guidance | None = None) -> None:
    """UsageError, before any work, where the model cannot do what the sampler asks: denoise, or jump."""
    asked = sampler.uses_jumps
    if asked is None and not model.denoises:
        raise UsageError(
            f"sampler {sampler.name} needs a denoiser and model {model.title} only jumps: use a sampler that jumps, "
            "such as consistency."
        )
    if asked is None:
        return
    if model.jumps is None:
        raise UsageError(
            f"sampler {sampler.name} needs a model that jumps and {model.title} is a denoiser: use a solver, such as "
            "heun, or a distilled model (benchbox train --distill)."
        )
    if asked == "flow-map" and model.jumps == "consistency":
        raise UsageError(
            f"sampler {sampler.name} jumps to lower levels and model {model.title} jumps only to the data: use "
            "sampler consistency."
        )
    if guidance is not None:
        raise UsageError(f"sampler {sampler.name} takes no guidance: a jump is not a denoiser that could be guided.")


ADAPTIVE_LEVELS = 18
"""Levels given to an adaptive sampler: its output times; it chooses its own steps in between."""
