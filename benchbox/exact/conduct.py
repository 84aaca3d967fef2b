"""The conduct of a sampler: what the contract forbids and demands, rule by rule."""

from __future__ import annotations

import copy
import random
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchbox.driver import least_nfe, plan_levels, trajectory
from benchbox.errors import UsageError
from benchbox.exact.law import last, output
from benchbox.exact.rules import Check, Trial, denoiser, image, relative, vector
from benchbox.grid import Levels
from benchbox.models.gaussian import Gaussian
from benchbox.noise import BLOCK, Noise
from benchbox.registry import registry

ROUNDING = 1e-10
"""Largest relative difference of float64 runs that should agree."""


def evaluations(trial: Trial) -> Check:
    """The counter at the model's boundary against `evals`, on one level and more."""
    expected = "the claimed evaluations at every number of levels"
    if trial.adaptive:
        return Check("evaluations", True, f"adaptive: {trial.spent(6):g} spent on 6 levels", "none claimed")
    counts = range(1 if trial.sampler.evals(1) > 0 else 2, 12)
    wrong = [(n, trial.sampler.evals(n), spent) for n in counts if (spent := trial.spent(n)) != trial.sampler.evals(n)]
    if wrong:
        n, claimed, spent = wrong[0]
        return Check(
            "evaluations", False, f"on {n} levels it spends {spent:g} evaluations where it claims {claimed}", expected
        )
    return Check("evaluations", True, f"{trial.sampler.evals(11)} spent on 11 levels, as claimed", expected)


def budget(trial: Trial) -> Check:
    """No budget is exceeded, the last denoise included."""
    expected = "at most the budget, and more levels would exceed it"
    if trial.adaptive:
        return Check("budget", None, "adaptive: it has no budget", expected)
    sampler, least = trial.sampler, least_nfe(trial.sampler)
    for nfe in (*range(least, least + 9), least + 30):
        n = plan_levels(sampler, nfe)
        spent = (trial.spent(n) if n > 1 or sampler.evals(1) > 0 else 0) + 1
        if n == 0 or spent > nfe or sampler.evals(n + 1) + 1 <= nfe:
            return Check("budget", False, f"of a budget of {nfe} it spends {spent:g}, on {n} levels", expected)
    return Check("budget", True, f"kept from {least} to {least + 30} evaluations", expected)


def seeds(trial: Trial) -> Check:
    """Same seed, same samples; another seed, others."""
    a, b, c = trial.run(seed=0), trial.run(seed=0), trial.run(seed=1)
    if not torch.equal(a, b):
        return Check("seed", False, f"two runs with one seed differ by {relative(a, b):.1e}", "same seed, same samples")
    if relative(a, c) < 1e-6:
        return Check(
            "seed", False, "seeds 0 and 1 give the same samples: it ignores its seed", "another seed, other samples"
        )
    return Check(
        "seed", True, "repeats with its seed and differs with another", "same seed, same samples; another, others"
    )


def noise_source(trial: Trial) -> Check:
    """Samples with equal starts and equal noises must be equal: all chance comes from the source that it is given."""
    rng = np.random.default_rng(0)

    def script(k: int) -> Tensor:
        return torch.as_tensor(rng.standard_normal((1, *image().shape))).repeat(5, *[1] * len(image().shape))

    x = output(trial.sampler, image(), trial.levels(6), script)[0]
    spread = float(np.abs(x - x[0]).max() / np.abs(x).max())
    return Check(
        "noise source", spread < ROUNDING,
        f"equal starts and equal noises give samples that differ by {spread:.1e}"
        + ("" if spread < ROUNDING else ": it ignores its seed and draws from a source of its own"),
        "no difference",
    )  # fmt: skip


def generators(trial: Trial) -> Check:
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
        return Check(
            "global generators", False, f"the global generator of {' and '.join(touched)} is drawn from", expected
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        same = torch.equal(first, trial.run())
    return Check(
        "global generators", same, "untouched" if same else "torch's global seed changes the samples", expected
    )


def batches(trial: Trial) -> Check:
    """The same samples for any batch size and any split."""
    expected = f"the same samples to {ROUNDING:g}, whatever the batch"
    if trial.adaptive:
        whole = torch.cat([trial.run(n=BLOCK, first=f) for f in (0, BLOCK)])
        again = trial.run(n=BLOCK, first=BLOCK)
        same = relative(again, whole[BLOCK:])
        return Check("batches", same < ROUNDING, f"blocks of {BLOCK}, one at a time, differ by {same:.1e}", expected)
    whole = trial.run(n=23)
    for sizes in ((1, 22), (16, 7), (5, 9, 9)):
        starts = np.cumsum((0, *sizes[:-1]))
        split = torch.cat([trial.run(n=n, first=int(f)) for f, n in zip(starts, sizes, strict=True)])
        if not (difference := relative(split, whole)) < ROUNDING:
            parts = " + ".join(map(str, sizes))
            return Check("batches", False, f"23 samples at once and as {parts} differ by {difference:.1e}", expected)
    return Check("batches", True, "23 samples agree in 4 splits", expected)


def state(trial: Trial) -> Check:
    """Nothing is kept between calls: not the instance, not answers of the model, not another run in progress."""
    expected = "a run depends on its arguments alone"
    sampler = trial.sampler
    kept = _attributes(sampler)
    fault = _remembers(trial) or _entangled(trial)
    if not fault and (changed := kept ^ _attributes(sampler)):
        fault = f"the instance or its class is changed by a run: {', '.join(sorted(name for name, _ in changed))}"
    return Check("state", not fault, fault or "none kept", expected)


def _attributes(sampler: object) -> set[tuple[str, str]]:
    cls = type(sampler)
    own = {n: v for n, v in vars(sampler).items() if not isinstance(getattr(cls, n, None), cached_property)}
    shared = {n: v for c in cls.__mro__ for n, v in vars(c).items() if not n.startswith(("__", "_abc"))}
    return {(n, repr(v)) for n, v in (shared | own).items()}


def _remembers(trial: Trial) -> str | None:
    """Runs on two models, then on the first again: samples and evaluations must not know of each other."""
    other = Gaussian(mean=(3.0,), eigenvalues=(0.5,) * 16, sample_shape=(1, 4, 4))
    first, between, again = (denoiser(m) for m in (image(), other, image()))
    a, b, c = (trial.run(denoise=d) for d in (first, between, again))
    if between.rows < first.rows and not trial.adaptive:
        made = f"a second run makes {between.rows / BLOCK:g} evaluations, the first {first.rows / BLOCK:g}"
        return f"{made}: it keeps the model's answers between calls"
    if relative(a, b) < 1e-6:
        return "a run on another model gives the samples of the one before: it keeps the model's answers between calls"
    fresh = Trial(copy.deepcopy(trial.sampler), trial.schedule, trial.grid).run()
    if not torch.equal(a, c) or not torch.equal(a, fresh):
        return f"a run after another differs from the first by {relative(c, a):.1e}: it keeps state between calls"
    return None


def _entangled(trial: Trial) -> str | None:
    """Two runs taken in turns, step by step."""
    alone = [trial.run(8, seed=s) for s in (0, 1)]
    runs = [list(pair) for pair in zip(trial.states(8, seed=0), trial.states(8, seed=1), strict=True)]
    difference = max(relative(a, b) for a, b in zip(runs[-1], alone, strict=True))
    return (
        f"two runs in turns differ by {difference:.1e} from each alone: they share state"
        if difference > ROUNDING
        else None
    )


def in_place(trial: Trial) -> Check:
    """The start and the states that were yielded stay what they were."""
    pairs = [(x, x.clone()) for x in trial.states()]
    changed = [i for i, (x, then) in enumerate(pairs) if not torch.equal(x, then)]
    what = "the start" if 0 in changed else "a state that was yielded"
    return Check("input", not changed, f"{what} is modified in place" if changed else "not modified", "not modified")


def dtypes(trial: Trial) -> Check:
    """float32 in, float32 out, within rounding of float64; the device stays."""
    expected = "dtype and device kept, float32 within 1e-4 of float64"
    runs = {dtype: trial.run(8, dtype=dtype) for dtype in (torch.float32, torch.float64)}
    wrong = [f"{x.dtype} on {x.device}" for dtype, x in runs.items() if (x.dtype, x.device.type) != (dtype, "cpu")]
    difference = relative(runs[torch.float32], runs[torch.float64])
    if wrong:
        return Check("precision", False, f"it yields {wrong[0]}", expected)
    if trial.adaptive:
        return Check("precision", True, f"float32 within {difference:.1e}; adaptive steps may differ", expected)
    return Check("precision", difference < 1e-4, f"float32 and float64 differ by {difference:.1e}", expected)


def shapes(trial: Trial) -> Check:
    """The same numbers as vectors, matrices and images give the same samples."""
    expected = f"the samples of a vector, whatever the shape, to {ROUNDING:g}"
    models = {
        s: Gaussian(image().mean, image().eigenvalues, sample_shape=s) for s in ((16,), (4, 4), (1, 4, 4), (4, 2, 2))
    }
    flat = {s: trial.run(model=m).flatten(1) for s, m in models.items()}
    for s, x in flat.items():
        if not (difference := relative(x, flat[16,])) < ROUNDING:
            return Check("shapes", False, f"shape {s} differs from the vector by {difference:.1e}", expected)
    return Check("shapes", True, "1-D, 2-D and image shapes agree", expected)


def edges(trial: Trial) -> Check:
    """One interval, and an empty batch."""
    expected = "finite samples on one interval, no samples for an empty batch"
    one = trial.run(2)
    if not bool(torch.isfinite(one).all()):
        return Check("edges", False, "one interval gives samples that are not finite", expected)
    if trial.adaptive:
        return Check("edges", True, "one interval is finite (an adaptive sampler always runs whole blocks)", expected)
    empty = trial.run(n=0)
    return Check("edges", empty.shape == (0, *image().shape), f"an empty batch gives {tuple(empty.shape)}", expected)


def levels_reached(trial: Trial) -> Check:
    """Started right, each state has the spread of x_0 + σ n (±15 %): on 128 intervals, and after a jump."""
    expected = "the spread of x_0 + σ n at every level, ±15 %"
    levels = trial.levels(129)
    states = list(trial.states(129, n=512, model=vector()))
    each = len(states) == len(levels.sigmas)
    pairs = list(zip(states, levels.sigmas, strict=True)) if each else [(states[-1], levels.sigmas[-1])]
    deviation, sigma = max((spread_error(x, sigma), sigma) for x, sigma in pairs[1:] or pairs)
    after = jumped(trial)
    if after is not None and after >= 0.15:
        what = f"after a last interval of its own length the spread is off by {after:.0%}"
        return Check("levels", False, what, expected)
    what = f"largest deviation of the spread {deviation:.0%}, at σ = {sigma:.3g}"
    return Check("levels", deviation < 0.15, what, expected)


def spread_error(x: Tensor, sigma: float) -> float:
    """The largest relative deviation of a coordinate's spread from √(λ + σ²)."""
    exact = (torch.as_tensor(vector().spectrum) + sigma**2).sqrt()
    return float((x.std(0) / exact - 1).abs().max())


def jumped(trial: Trial) -> float | None:
    """`spread_error` after many small intervals and a last one of 20 %: it shows a run that ends elsewhere.

    None where the sampler refuses such levels.
    """
    sigmas = (*np.geomspace(10, 0.5, 64).tolist(), 0.4)
    times = tuple(float(trial.schedule.time(s)) for s in sigmas)
    noise = Noise(0, 0, 1024, vector().shape, dtype=torch.float64)
    try:
        end = last(trajectory(trial.sampler, denoiser(vector()), Levels(trial.schedule, times, sigmas), noise, "none"))
    except (ValueError, UsageError):
        return None
    return spread_error(end, sigmas[-1])


def extremes(trial: Trial) -> Check:
    """Finite, in float32, over the whole range of every schedule."""
    expected = "finite samples over the whole range of every schedule"
    ran, bad = [], []
    for name in registry().names("schedule"):
        schedule = registry().get("schedule", name)
        ends = float(schedule.sigma(schedule.t_min)), float(schedule.sigma(schedule.t_max))
        try:
            wide = Trial.of(trial.sampler, schedule, ends)
        except (UsageError, ValueError):
            continue  # a frame that does not reach, or steps that the method refuses: said before any work
        ran.append(name)
        if not bool(torch.isfinite(wide.run(8, dtype=torch.float32)).all()):
            bad.append(f"{name} (σ from {ends[1]:.3g} to {ends[0]:.3g})")
    if not ran:
        return Check("extremes", False, "it runs on no schedule's whole range", expected)
    return Check(
        "extremes", not bad, f"not finite on {', '.join(bad)}" if bad else f"finite on {', '.join(ran)}", expected
    )


CONDUCT = (
    ("evaluations", evaluations), ("global generators", generators), ("state", state), ("noise source", noise_source),
    ("seed", seeds), ("budget", budget), ("input", in_place), ("batches", batches), ("precision", dtypes),
    ("shapes", shapes), ("edges", edges), ("levels", levels_reached), ("extremes", extremes),
)  # fmt: skip
"""The rules of conduct by name."""
