"""How often equals are tied, and a difference of four standard errors is told: python docs/ties.py [REPETITIONS]

Boards of normal values: n equals; and one that is better, by four standard errors of a difference, than n − 1 equals.
"""

from __future__ import annotations

import sys

import numpy as np

from benchbox.report.estimate import Estimate, mean
from benchbox.report.ties import separated

REPETITIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
BETTER = -4 * 2**0.5
BLOCKS = 10
HOW = ("1 seed, known error", "1 seed, jackknife", "3 seeds, jackknife", "3 seeds alone", "5 seeds alone")


def measured(truth: float, how: str, generator: np.random.Generator) -> Estimate:
    """A measurement whose standard error is 1, estimated in the given way."""
    seeds = int(how[0])
    values = list(truth + seeds**0.5 * generator.normal(size=seeds))
    if "jackknife" in how:
        errors = (seeds * generator.chisquare(BLOCKS - 1, seeds) / (BLOCKS - 1)) ** 0.5
        return mean(values, list(errors), BLOCKS - 1)
    return mean(values, [1.0] if "known" in how else [])


def rates(n: int, how: str, generator: np.random.Generator) -> tuple[float, float, float]:
    """How often n equals are all tied; one that is better is told from another; and these others are all tied."""
    found = []
    for _ in range(REPETITIONS):
        equal = separated([measured(0.0, how, generator) for _ in range(n)])
        board = separated([measured(BETTER * (i == 0), how, generator) for i in range(n)])
        found.append((not equal.any(), board[0, 1:].mean(), not board[1:, 1:].any()))
    tied, told, others = np.mean(found, axis=0)
    return float(tied), float(told), float(others)


def across(n: int, generator: np.random.Generator) -> float:
    """Of boards of two groups of n equals, four standard errors of a difference apart: how often a pair is told."""
    truth = [BETTER] * n + [0.0] * n
    boards = ([measured(t, HOW[0], generator) for t in truth] for _ in range(REPETITIONS))
    return float(np.mean([separated(board)[:n, n:].mean() for board in boards]))


if __name__ == "__main__":
    generator = np.random.default_rng(1)
    print("| measured by | samplers | equals all tied | four standard errors told | the others all tied |")
    print("|---|---|---|---|---|")
    for how in HOW:
        for n in (2, 5, 10, 20):
            tied, told, others = rates(n, how, generator)
            print(f"| {how} | {n} | {tied:.1%} | {told:.1%} | {others:.1%} |", flush=True)
    print(f"Two groups of ten, known errors: a pair across them is told in {across(10, generator):.1%}.")
