"""Orders of convergence under every option that changes them, on Gaussian data, whose denoiser and law are exact.

A sampler is affine there: a run with a unit start in one row, and a unit draw in each of the others, gives its law.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from toy import levels

import benchbox

VARIANCES = (4.0, 0.25)
FIRST, LAST = 10.0, 0.05

Options = dict[str, Any]


def denoise(x: Tensor, sigma: float) -> Tensor:
    lam = x.new_tensor(VARIANCES)
    return lam / (lam + sigma**2) * x


class Unit:
    """Row k gets one as its k-th draw, and zero otherwise; the start is row 0's."""

    def __init__(self, rows: int) -> None:
        self.rows, self.k = rows, 0

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        self.k += 1
        z = torch.zeros(self.rows, len(VARIANCES), dtype=torch.float64)
        z[self.k] = 1
        return z


def error(name: str, options: Options, intervals: int) -> float:
    """W2 at the last level, started from the exact law; levels that are neither equal in σ nor in ln σ."""
    at = [(i / intervals) ** 1.3 for i in range(intervals + 1)]
    sigmas = [(FIRST ** (1 / 5) * (1 - u) + LAST ** (1 / 5) * u) ** 5 for u in at]
    lam = torch.tensor(VARIANCES, dtype=torch.float64)
    x = torch.zeros(2 * intervals + 2, len(VARIANCES), dtype=torch.float64)
    x[0] = (lam + FIRST**2).sqrt()
    *_, x = benchbox.get("sampler", name, **options)(denoise, x, levels(sigmas), Unit(len(x)))
    return float((x.square().sum(0).sqrt() - (lam + LAST**2).sqrt()).norm())


def order(name: str, options: Options, coarse: int) -> float:
    return math.log2(error(name, options, coarse) / error(name, options, 2 * coarse))


def claims() -> Iterator[tuple[str, Options, int, int]]:
    """Sampler, options, order, and intervals from which it shows."""
    for p in (1, 2, 3):
        yield "dpm-solver", {"order": p}, p, 64
    for kind in ("midpoint", "heun"):
        for name in ("dpm-solver++2m", "dpm-solver++3m", "dpm-solver++2m-sde", "dpm-solver++3m-sde"):
            yield name, {"solver_type": kind}, 2, 128
    for p in (1, 2, 3):
        for variant in ("bh1", "bh2"):
            yield "unipc", {"order": p, "variant": variant}, p, 64
    for points in (1, 2, 3, 4):
        for variant in ("t", "rho", "logrho"):
            yield "deis", {"max_order": points, "variant": variant}, min(points, 2), 256
        yield "lms", {"max_order": points}, min(points, 2), 256
        yield "ipndm", {"max_order": points}, min(points, 2), 128
    for skip in (False, True):
        yield "pndm", {"skip_prk_steps": skip}, 2, 64
    for hold in ("eps", "x0", "score"):
        for kappa in (0.0, 0.5, 1.0):
            yield "exponential-integrator", {"hold": hold, "kappa": kappa}, 1, 256
    for eta in (0.0, 0.5, 1.0):
        yield "euler-ancestral", {"eta": eta}, 1, 128
        for name in ("dpm2", "dpm2-ancestral", "dpm-solver++sde"):
            yield name, {"eta": eta}, 2, 128
        for name in ("dpm-solver++2m-sde", "dpm-solver++3m-sde"):
            yield name, {"eta": eta}, 2, 128
    yield "dpm-solver++2s", {}, 2, 64
    for p, c in ((1, 0), (2, 0), (3, 0), (1, 2), (2, 2), (3, 3), (3, 4)):
        for tau in (0.0, 1.0):
            options = {"predictor_order": p, "corrector_order": c, "tau": tau, "s_min": 0.0, "s_max": math.inf}
            yield "sa-solver", options, min(max(p, c), 2), 128


@pytest.mark.parametrize(("name", "options", "expected", "coarse"), list(claims()), ids=str)
def test_order(name: str, options: Options, expected: int, coarse: int) -> None:
    assert benchbox.get("sampler", name, **options).order == expected
    assert order(name, options, coarse) > expected - 0.25
