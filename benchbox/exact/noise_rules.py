"""Rules for noise: where it comes from, and that all of it is used."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.law import last, scripted_output
from benchbox.exact.rules import ROUNDING, CallRecorder, RuleResult, Trial, image, relative
from benchbox.model import Model
from benchbox.noise import BLOCK, Noise


def seeds(trial: Trial) -> RuleResult:
    """Same seed, same samples; another seed, others."""
    a, b, c = trial.run(seed=0), trial.run(seed=0), trial.run(seed=1)
    if not torch.equal(a, b):
        return RuleResult(
            "seed", False, f"two runs with one seed differ by {relative(a, b):.1e}", "same seed, same samples"
        )
    if relative(a, c) < 1e-6:
        return RuleResult(
            "seed", False, "seeds 0 and 1 give the same samples: it ignores its seed", "another seed, other samples"
        )
    return RuleResult(
        "seed", True, "repeats with its seed and differs with another", "same seed, same samples; another, others"
    )


def noise_source(trial: Trial) -> RuleResult:
    """Samples with equal starts and equal noises must be equal: all chance comes from the source that it is given."""
    rng = np.random.default_rng(0)

    def script(k: int) -> Tensor:
        return torch.as_tensor(rng.standard_normal((1, *image().shape))).repeat(5, *[1] * len(image().shape))

    x = scripted_output(trial.sampler, image(), trial.levels(6), script)[0]
    spread = float(np.abs(x - x[0]).max() / np.abs(x).max())
    return RuleResult(
        "noise source", spread < ROUNDING,
        f"equal starts and equal noises give samples that differ by {spread:.1e}"
        + ("" if spread < ROUNDING else ": it ignores its seed and draws from a source of its own"),
        "no difference",
    )  # fmt: skip


def generators(trial: Trial) -> RuleResult:
    """The global generators of torch, numpy and random are left as they were, and change nothing."""
    expected = "nothing drawn from a global generator"
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    first = trial.run()
    touched = [
        name
        for name, same in (
            ("torch", torch.equal(before[0], torch.get_rng_state())),
            ("numpy", str(before[1]) == str(np.random.get_state())),
            ("random", before[2] == random.getstate()),
        )
        if not same
    ]
    torch.set_rng_state(before[0])
    if touched:
        return RuleResult(
            "global generators", False, f"the global generator of {' and '.join(touched)} is drawn from", expected
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        same = torch.equal(first, trial.run())
    return RuleResult(
        "global generators", same, "untouched" if same else "torch's global seed changes the samples", expected
    )


def draws_used(trial: Trial, model: Model | None = None, asked: bool = False) -> RuleResult:
    """Each draw, changed alone, changes the sample (of the image, if no model is given).

    asked: or a state that the model is asked about, of a sampler that goes back up, where a run forgets.
    """
    expected, model = "another sample for another value of any draw", model or image()
    rng = np.random.default_rng(4)
    once = Asked(model.shape)
    last(trial.states(6, model=model, noise=once))
    draws = len(once.intervals)
    base, other = rng.standard_normal((2, draws, *model.shape))

    def script(k: int) -> Tensor:
        z = torch.as_tensor(base[k]).repeat(draws + 1, *[1] * len(model.shape))
        z[k + 1] = torch.as_tensor(other[k])
        return z

    denoise = CallRecorder(model)
    states = [scripted_output(trial.sampler, denoise, trial.levels(6), script)[0]]
    states += [x.flatten(1).numpy() for x, _ in denoise.asked] if asked else []
    changes = np.max([np.abs(x[1:] - x[0]).max(1) / np.abs(x[0]).max() for x in states], axis=0)
    if unused := [k for k in range(draws) if not changes[k] > 1e-13]:
        sigma, _ = once.intervals[unused[0]]
        measured = f"of {draws} draws {len(unused)} change nothing; the first is asked for at σ = {sigma:.3g}"
        return RuleResult("draws", False, measured, expected)
    return RuleResult("draws", True, f"each of {draws} changes the sample", expected)


def draws_in_order(trial: Trial) -> RuleResult:
    """Noise is asked for at positive levels that do not rise again: a Brownian source needs them so."""
    expected = "noise(sigma, sigma_next) with the levels of the run, from the noisiest on"
    once = Asked()
    last(trial.states(6, noise=once))
    wrong = [pair for pair in once.intervals if not all(isinstance(s, float) and 0 < s < np.inf for s in pair)]
    if wrong:
        return RuleResult("levels of draws", False, f"a draw is asked for at the levels {wrong[0]}", expected)
    for (sigma, _), (then, _) in pairwise(once.intervals):
        if then > sigma * (1 + 1e-9):
            measured = f"a draw at σ = {then:.3g} is asked for after one at {sigma:.3g}"
            return RuleResult("levels of draws", False, measured, expected)
    return RuleResult("levels of draws", True, "from the noisiest on", expected)


def deterministic(trial: Trial) -> bool:
    """Whether a run on a few levels draws nothing but its start."""
    once = Asked()
    last(trial.states(trial.few, noise=once))
    return len(once.intervals) == 1


class Asked(Noise):
    """Ordinary noise that keeps the intervals that it was asked for."""

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(5, 0, BLOCK, shape or image().shape, dtype=torch.float64)
        self.intervals: list[tuple[float, float]] = []

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        self.intervals.append((sigma, sigma_next))
        return super().__call__(sigma, sigma_next)
