"""How often ranks tie equal samplers and separate a better one: python docs/ties.py [REPETITIONS]

Two boards of normal values: n equal samplers; and one sampler that is better than n − 1 equal ones by four standard
errors of a difference.
"""

from __future__ import annotations

import sys

import numpy as np

from benchbox.report.estimate import Estimate, mean
from benchbox.report.ties import separated

REPETITIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
BETTER = -4 * 2**0.5
BLOCKS = 10
COLUMNS = (
    "standard errors from",
    "samplers",
    "equal samplers all tied",
    "four standard errors detected",
    "the others all tied",
)
HOW = ("1 seed, known error", "1 seed, jackknife", "3 seeds, jackknife", "3 seeds alone", "5 seeds alone")


def measured(truth: float, how: str, generator: np.random.Generator) -> Estimate:
    """A measurement with a standard error of 1, which is estimated as `how` says."""
    seeds = int(how[0])
    values = list(truth + seeds**0.5 * generator.normal(size=seeds))
    if "jackknife" in how:
        errors = (seeds * generator.chisquare(BLOCKS - 1, seeds) / (BLOCKS - 1)) ** 0.5
        return mean(values, list(errors), BLOCKS - 1)
    return mean(values, [1.0] if "known" in how else [])


def rates(n: int, how: str, generator: np.random.Generator) -> tuple[float, float, float]:
    """How often n equal samplers are all tied; a better one is separated from another; the others are all tied."""
    outcomes = []
    for _ in range(REPETITIONS):
        equal = separated([measured(0.0, how, generator) for _ in range(n)])
        board = separated([measured(BETTER * (i == 0), how, generator) for i in range(n)])
        outcomes.append((not equal.any(), board[0, 1:].mean(), not board[1:, 1:].any()))
    tied, detected, others = np.mean(outcomes, axis=0)
    return float(tied), float(detected), float(others)


def across(n: int, generator: np.random.Generator) -> float:
    """How often a pair from two groups of n equal samplers, which differ by four standard errors, is separated."""
    truth = [BETTER] * n + [0.0] * n
    boards = ([measured(t, HOW[0], generator) for t in truth] for _ in range(REPETITIONS))
    return float(np.mean([separated(board)[:n, n:].mean() for board in boards]))


if __name__ == "__main__":
    generator = np.random.default_rng(1)
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * len(COLUMNS)}")
    for how in HOW:
        for n in (2, 5, 10, 20):
            tied, detected, others = rates(n, how, generator)
            print(f"| {how} | {n} | {tied:.1%} | {detected:.1%} | {others:.1%} |", flush=True)
    print(f"Two groups of ten, known errors: a pair from different groups is separated in {across(10, generator):.1%}.")
