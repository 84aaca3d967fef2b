"""The rules for samplers that solve inverse problems: what they spend, and that each sample is alone in its batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from benchbox.bench.truths import measure
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.certificate import Certificate
from benchbox.exact.conduct import dtypes, edges
from benchbox.exact.law import last
from benchbox.exact.noise_rules import generators, noise_source, seeds
from benchbox.exact.point_rules import point_law
from benchbox.exact.posed import Posed, half
from benchbox.exact.posed_rules import draws_of_posterior, measured_law, pull_of_zeta, unmeasured_law
from benchbox.exact.rules import ROUNDING, Rule, RuleResult, Trial, apply, image, relative
from benchbox.exact.settings import Variant, covering_settings
from benchbox.exact.state_rules import in_place
from benchbox.grid import Levels
from benchbox.measurement import Measurements, pose
from benchbox.noise import Noise
from benchbox.options import describe
from benchbox.registry import get
from benchbox.sampler import Sampler

SOLVER_SAMPLES = 23
SPLITS = ((1, 22), (16, 7), (5, 9, 9))
MEASUREMENTS = 5

SIGMA_Y = 0.3
"""Noise of the measurement of a posed solver: no level of its trials is the same, which rounding would decide."""


@lru_cache(maxsize=1)
def measurements() -> Measurements:
    """Of half of each image of 16 pixels: a problem that every such sampler solves."""
    return measure(pose(get("problem", "inpaint"), image()), image(), MEASUREMENTS, 0, "cpu", torch.float64)


def posed_denoiser(first: int, n: int) -> Denoiser:
    made = Denoiser(image(), torch.device("cpu"), torch.float64)
    made.pose(measurements())
    made.at(torch.arange(first, first + n))
    return made


def run_solver(
    sampler: Sampler, n_levels: int = 6, n: int = SOLVER_SAMPLES, first: int = 0, seed: int = 0
) -> tuple[Tensor, float]:
    """The last state of samples first … first+n−1, and the evaluations that each cost."""
    grid = get("grid", sampler.grid or "karras", sigma_min=0.02, sigma_max=20.0)
    levels, denoise = Levels.cut(get("schedule", "edm"), grid, n_levels), posed_denoiser(first, n)
    noise = Noise(seed, first, n, image().shape, dtype=torch.float64)
    return last(trajectory(sampler, denoise, levels, noise, "none")), denoise.evaluations / n


def evaluations_counted(sampler: Sampler) -> RuleResult:
    expected = "the claimed evaluations at every number of levels"
    for n in range(2, 8):
        spent, claimed = run_solver(sampler, n)[1], sampler.evals(n)
        if spent != claimed:
            told = f"on {n} levels it spends {spent:g} evaluations where it claims {claimed}"
            return RuleResult("evaluations", False, told, expected)
    return RuleResult("evaluations", True, f"{sampler.evals(7)} spent on 7 levels, as claimed", expected)


def batches(sampler: Sampler) -> RuleResult:
    """The same samples for any split: a norm over the batch shows here."""
    whole, worst = run_solver(sampler)[0], 0.0
    for sizes in SPLITS:
        starts = accumulate((0, *sizes[:-1]))
        split = torch.cat([run_solver(sampler, n=n, first=first)[0] for first, n in zip(starts, sizes, strict=True)])
        worst = max(worst, relative(split, whole))
    expected = f"the same samples to {ROUNDING:g}, whatever the batch"
    return RuleResult("batches", worst < ROUNDING, f"samples differ by {worst:.1e} in other batches", expected)


def state_kept(sampler: Sampler) -> RuleResult:
    first = run_solver(sampler)[0]
    run_solver(sampler, seed=1)
    off = relative(run_solver(sampler)[0], first)
    return RuleResult("state", off < ROUNDING, f"samples differ by {off:.1e} in a second run", "no state between runs")


def measured(sampler: Sampler) -> RuleResult:
    """Samples of two measurements differ by more than those of one."""
    x, number = run_solver(sampler, 12, n=100)[0].flatten(1), torch.arange(100) % MEASUREMENTS
    y = measurements().y.flatten(1)
    own, other = ((x * (y != 0)[0] - y[(number + k) % MEASUREMENTS]).norm(dim=1).mean() for k in (0, 1))
    told = f"samples are {float(own):.2g} from their measurement, {float(other):.2g} from another"
    return RuleResult("measurement", bool(own < other), told, "nearer to their own")


SOLVER_RULES: tuple[tuple[str, Rule], ...] = (
    ("evaluations", evaluations_counted), ("batches", batches), ("state", state_kept), ("measurement", measured),
)  # fmt: skip

POSED_RULES: tuple[tuple[str, Rule], ...] = (
    ("global generators", generators), ("noise source", noise_source), ("draws", draws_of_posterior), ("seed", seeds),
    ("input", in_place),
    ("precision", dtypes), ("edges", edges), ("law of a point", point_law),
    ("law of what is not measured", unmeasured_law), ("names of options", pull_of_zeta),
)  # fmt: skip
"""Those for the solver as an ordinary sampler, under every setting of its options."""


def solver_checks(sampler: Sampler, quick: bool = False) -> Iterator[RuleResult]:
    """The rules, on the inpainting of Gaussian images."""
    yield from apply(SOLVER_RULES, sampler)
    variants = [Variant(sampler, {})] if quick else covering_settings(sampler)
    trials = [(v, Trial.of(Posed(v.sampler, half(SIGMA_Y)), get("schedule", "edm"))) for v in variants]
    yield from apply([("law of what is measured", measured_law)], trials[0][1])
    for rule in POSED_RULES:
        results = []
        for variant, trial in trials:
            result = next(apply([rule], trial.cold()))
            results.append(replace(result, measured=f"{variant.prefix}{result.measured}"))
            if result.passed is False:
                break
        yield next((r for r in results if r.passed is False), results[0])


def solver_certificate(sampler: Sampler, quick: bool = False) -> Certificate:
    """The certificate of a solver of inverse problems; quick: under its own options alone."""
    settings = 1 if quick else len(covering_settings(sampler))
    return Certificate(
        sampler.name, describe(sampler), tuple(solver_checks(sampler, quick)),
        settings=settings, biased_by=sampler.biased_by,
    )  # fmt: skip
