"""How often equals are tied, and a difference of four standard errors is told: python docs/ties.py"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from benchbox.report.ties import Estimate, mean, separated

REPETITIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
Measure = Callable[[float], Estimate]
"""From the truth, in standard errors of a sampler's value, to what is measured."""


def by_seeds(seeds: int, intervals: bool, generator: np.random.Generator) -> Measure:
    error = seeds**0.5
    errors = [error] * seeds if intervals else []
    return lambda truth: mean(list(truth + error * generator.normal(size=seeds)), errors)


def rates(n: int, measure: Measure) -> tuple[float, float]:
    """Of boards of n samplers: how often n equals are all tied; how often one that is better is told from another."""
    better = -4 * 2**0.5
    tied = np.mean([not separated([measure(0.0) for _ in range(n)]).any() for _ in range(REPETITIONS)])
    told = [separated([measure(better), *(measure(0.0) for _ in range(n - 1))])[0, 1] for _ in range(REPETITIONS)]
    return float(tied), float(np.mean(told))


if __name__ == "__main__":
    generator = np.random.default_rng(1)
    print("| samplers on the board | seeds | equals all tied | four standard errors told |\n|---|---|---|---|")
    for n, seeds, intervals in [
        (2, 1, True), (7, 1, True), (10, 1, True), (20, 1, True), (2, 3, True), (7, 3, True), (10, 3, True),
        (2, 3, False), (2, 4, False), (2, 5, False), (2, 8, False), (7, 8, False),
    ]:  # fmt: skip
        tied, told = rates(n, by_seeds(seeds, intervals, generator))
        print(f"| {n} | {seeds}{', with intervals' * intervals} | {tied:.1%} | {told:.1%} |", flush=True)
