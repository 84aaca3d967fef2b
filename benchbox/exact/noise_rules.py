"""Rules for noise: where it comes from, and that all of it is used."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.law import output
from benchbox.exact.rules import ROUNDING, RuleResult, Trial, image, relative


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

    x = output(trial.sampler, image(), trial.levels(6), script)[0]
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
