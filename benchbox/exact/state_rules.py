"""Rules for state: a run depends on its arguments alone, and changes none of them."""

from __future__ import annotations

import copy
from functools import cached_property

import torch

from benchbox.exact.rules import ROUNDING, RuleResult, Trial, counted_denoiser, image, relative
from benchbox.models.gaussian import Gaussian
from benchbox.noise import BLOCK


def state(trial: Trial) -> RuleResult:
    """Nothing is kept between calls: not the instance, not answers of the model, not another run in progress."""
    expected = "a run depends on its arguments alone"
    sampler = trial.sampler
    kept = _attributes(sampler)
    fault = _remembers(trial) or _entangled(trial)
    if not fault and (changed := kept ^ _attributes(sampler)):
        fault = f"the instance or its class is changed by a run: {', '.join(sorted(name for name, _ in changed))}"
    return RuleResult("state", not fault, fault or "none kept", expected)


def _attributes(sampler: object) -> set[tuple[str, str]]:
    cls = type(sampler)
    own = {n: v for n, v in vars(sampler).items() if not isinstance(getattr(cls, n, None), cached_property)}
    shared = {n: v for c in cls.__mro__ for n, v in vars(c).items() if not n.startswith(("__", "_abc"))}
    return {(n, repr(v)) for n, v in (shared | own).items()}


def _remembers(trial: Trial) -> str | None:
    """Runs on two models, then on the first again: samples and evaluations must not know of each other."""
    other = Gaussian(mean=(3.0,), eigenvalues=(0.5,) * 16, sample_shape=(1, 4, 4))
    first, between, again = (counted_denoiser(m) for m in (image(), other, image()))
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


def in_place(trial: Trial) -> RuleResult:
    """The start and the states that were yielded stay what they were."""
    pairs = [(x, x.clone()) for x in trial.states()]
    changed = [i for i, (x, then) in enumerate(pairs) if not torch.equal(x, then)]
    tensor = "the start" if 0 in changed else "a state that was yielded"
    return RuleResult(
        "input", not changed, f"{tensor} is modified in place" if changed else "not modified", "not modified"
    )
