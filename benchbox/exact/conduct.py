"""Rules of conduct: evaluations, budgets, batches, precision, shapes."""

from __future__ import annotations

import numpy as np
import torch

from benchbox.driver import least_nfe, plan_levels
from benchbox.exact.level_rules import level_of_start
from benchbox.exact.noise_rules import draws_in_order, draws_used, generators, noise_source, seeds
from benchbox.exact.refusal import is_refusal
from benchbox.exact.rules import ROUNDING, RuleResult, Trial, half_image, image, relative
from benchbox.exact.state_rules import in_place, state
from benchbox.models.gaussian import Gaussian
from benchbox.noise import BLOCK


def evaluations(trial: Trial) -> RuleResult:
    """The counter at the model's boundary against `evals`, on one level and more."""
    expected = "the claimed evaluations at every number of levels"
    if trial.adaptive:
        return RuleResult("evaluations", True, f"adaptive: {trial.spent(6):g} spent on 6 levels", "none claimed")
    counts = range(1 if trial.sampler.evals(1) > 0 else 2, 12)
    counted = [
        (n, trial.sampler.evals(n), spent) for n in counts if (spent := spent_unless_refused(trial, n)) is not None
    ]
    wrong = [(n, claimed, spent) for n, claimed, spent in counted if spent != claimed]
    if wrong:
        n, claimed, spent = wrong[0]
        return RuleResult(
            "evaluations", False, f"on {n} levels it spends {spent:g} evaluations where it claims {claimed}", expected
        )
    if not counted:
        return RuleResult("evaluations", None, "it refuses 1 to 11 levels", expected)
    n, claimed, _ = counted[-1]
    return RuleResult("evaluations", True, f"{claimed} spent on {n} levels, as claimed", expected)


def spent_unless_refused(trial: Trial, n_levels: int) -> float | None:
    """Evaluations per sample of a run on n levels; None where the sampler refuses so many."""
    try:
        return trial.spent(n_levels)
    except Exception as error:
        if is_refusal(error):
            return None
        raise


def budget_kept(trial: Trial) -> RuleResult:
    """No budget is exceeded, the last denoise included."""
    expected = "at most the budget, and more levels would exceed it"
    if trial.adaptive:
        return RuleResult("budget", None, "adaptive: it has no budget", expected)
    sampler, least = trial.sampler, least_nfe(trial.sampler)
    for nfe in (*range(least, least + 9), least + 30):
        n = plan_levels(sampler, nfe)
        spent = spent_unless_refused(trial, n) if n > 1 or sampler.evals(1) > 0 else 0
        if spent is None:
            continue
        spent += 1
        if n == 0 or spent > nfe or sampler.evals(n + 1) + 1 <= nfe:
            return RuleResult("budget", False, f"of a budget of {nfe} it spends {spent:g}, on {n} levels", expected)
    return RuleResult("budget", True, f"kept from {least} to {least + 30} evaluations", expected)


def batch_invariance(trial: Trial) -> RuleResult:
    """The same samples for any batch size and any split."""
    expected = f"the same samples to {ROUNDING:g}, whatever the batch"
    if trial.adaptive:
        whole = torch.cat([trial.run(n=BLOCK, first=f) for f in (0, BLOCK)])
        again = trial.run(n=BLOCK, first=BLOCK)
        same = relative(again, whole[BLOCK:])
        return RuleResult(
            "batches", same < ROUNDING, f"blocks of {BLOCK}, one at a time, differ by {same:.1e}", expected
        )
    for model, splits in ((image(), ((1, 22), (16, 7), (5, 9, 9))), (half_image(), ((1, 22),))):
        whole = trial.run(n=23, model=model)
        for sizes in splits:
            starts = np.cumsum((0, *sizes[:-1]))
            split = torch.cat([trial.run(n=n, first=int(f), model=model) for f, n in zip(starts, sizes, strict=True)])
            if not (difference := relative(split, whole)) < ROUNDING:
                parts = f"{whole[0].numel()} numbers at once and as {' + '.join(map(str, sizes))}"
                return RuleResult("batches", False, f"23 samples of {parts} differ by {difference:.1e}", expected)
    return RuleResult("batches", True, "23 samples agree in 4 splits", expected)


def dtypes(trial: Trial) -> RuleResult:
    """float32 in, float32 out, within rounding of float64; the device stays."""
    expected = "dtype and device kept, float32 within 1e-4 of float64"
    runs = {dtype: trial.run(8, dtype=dtype) for dtype in (torch.float32, torch.float64)}
    wrong = [f"{x.dtype} on {x.device}" for dtype, x in runs.items() if (x.dtype, x.device.type) != (dtype, "cpu")]
    difference = relative(runs[torch.float32], runs[torch.float64])
    if wrong:
        return RuleResult("precision", False, f"it yields {wrong[0]}", expected)
    if trial.adaptive:
        return RuleResult("precision", True, f"float32 within {difference:.1e}; adaptive steps may differ", expected)
    return RuleResult("precision", difference < 1e-4, f"float32 and float64 differ by {difference:.1e}", expected)


def shapes(trial: Trial) -> RuleResult:
    """The same numbers as vectors, matrices and images give the same samples."""
    expected = f"the samples of a vector, whatever the shape, to {ROUNDING:g}"
    models = {
        s: Gaussian(image().mean, image().eigenvalues, sample_shape=s) for s in ((16,), (4, 4), (1, 4, 4), (4, 2, 2))
    }
    flat = {s: trial.run(model=m).flatten(1) for s, m in models.items()}
    for s, x in flat.items():
        if not (difference := relative(x, flat[16,])) < ROUNDING:
            return RuleResult("shapes", False, f"shape {s} differs from the vector by {difference:.1e}", expected)
    return RuleResult("shapes", True, "1-D, 2-D and image shapes agree", expected)


def edges(trial: Trial) -> RuleResult:
    """One interval, unless the sampler refuses it, and an empty batch."""
    expected = "finite samples on one interval, no samples for an empty batch"
    if spent_unless_refused(trial, 2) is not None and not bool(torch.isfinite(trial.run(2)).all()):
        return RuleResult("edges", False, "one interval gives samples that are not finite", expected)
    if trial.adaptive:
        return RuleResult(
            "edges", True, "one interval is finite (an adaptive sampler always runs whole blocks)", expected
        )
    empty = trial.run(n=0)
    return RuleResult(
        "edges", empty.shape == (0, *image().shape), f"an empty batch gives {tuple(empty.shape)}", expected
    )


CONDUCT = (
    ("evaluations", evaluations), ("global generators", generators), ("state", state), ("noise source", noise_source),
    ("level of the start", level_of_start),
    ("draws", draws_used), ("levels of draws", draws_in_order), ("seed", seeds), ("budget", budget_kept),
    ("input", in_place), ("batches", batch_invariance), ("precision", dtypes), ("shapes", shapes), ("edges", edges),
)  # fmt: skip
"""The rules of conduct by name."""
