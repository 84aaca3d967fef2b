"""Identities between methods, formulas that are exact on polynomials, and formulas coded a second time."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor
from toy import Draws, denoise, gap, levels, states

import benchbox

SIGMAS = [9.0, 5.5, 4.0, 1.9, 1.2, 0.5, 0.42, 0.2, 0.06]
WHOLE = {"s_min": 0.0, "s_max": math.inf}
Options = dict[str, Any]


def run(name: str, options: Options, d: Callable[[Tensor, float], Tensor] = denoise) -> list[Tensor]:
    return states(name, SIGMAS, options, "vp", d, torch.float64)


SAME: list[tuple[str, Options, str, Options]] = [
    ("dpm-solver", {"order": 1}, "ddim", {}),
    ("dpm-solver", {"order": 2}, "dpm2", {}),
    ("dpm2", {"eta": 0.7}, "dpm2-ancestral", {"eta": 0.7}),
    ("dpm-solver++2m-sde", {"eta": 0.0}, "dpm-solver++2m", {}),
    ("dpm-solver++3m-sde", {"eta": 0.0}, "dpm-solver++3m", {"solver_type": "heun", "lower_order_final": False}),
    ("dpm-solver++sde", {"eta": 0.0}, "dpm-solver++2s", {}),
    ("deis", {"variant": "rho", "max_order": 4}, "lms", {}),
    ("deis", {"variant": "t", "frame": "edm"}, "lms", {"max_order": 3}),
    ("ipndm", {"max_order": 1}, "ddim", {}),
    ("euler-ancestral", {}, "ancestral", {}),
    ("euler-ancestral", {"eta": 0.6}, "ddim", {"eta": 0.6}),
    ("exponential-integrator", {"hold": "x0"}, "ancestral", {}),
    ("exponential-integrator", {"hold": "eps", "kappa": 0.0}, "ddim", {}),
    (
        "exponential-integrator",
        {"hold": "score", "kappa": 0.4},
        "euler-maruyama",
        {"integrator": "exponential", "kappa": 0.4, "frame": "ve"},
    ),
    ("sa-solver", {"predictor_order": 1, "corrector_order": 0, **WHOLE}, "ancestral", {}),
    ("sa-solver", {"predictor_order": 3, "corrector_order": 4, "tau": 0.0}, "sa-solver", {"s_min": 50.0}),
]


@pytest.mark.parametrize(("a", "a_options", "b", "b_options"), SAME, ids=str)
def test_same_method(a: str, a_options: Options, b: str, b_options: Options) -> None:
    for x, y in zip(run(a, a_options), run(b, b_options), strict=True):
        assert gap(x, y) < 1e-9


def test_equal_steps_make_ipndm_adams_bashforth() -> None:
    sigmas = [float(s) for s in np.linspace(5, 1, 9)]
    a, b = (states(name, sigmas, dtype=torch.float64)[-1] for name in ("ipndm", "lms"))
    assert gap(a, b) < 1e-12


POLYNOMIAL: list[tuple[str, Options, str, int]] = [
    ("lms", {}, "rho", 4),
    ("deis", {"max_order": 3, "variant": "rho"}, "rho", 3),
    ("deis", {"max_order": 4, "variant": "logrho"}, "logrho", 4),
    ("deis", {"max_order": 4}, "t", 4),
]


@pytest.mark.parametrize(("name", "options", "variable", "points"), POLYNOMIAL, ids=str)
def test_exact_on_polynomials_of_the_noise(name: str, options: Options, variable: str, points: int) -> None:
    """With ε̂ a polynomial in the variable, a step through as many points as it has coefficients is its integral."""
    vp = benchbox.get("schedule", "vp")
    v = {"rho": lambda s: s, "logrho": math.log, "t": lambda s: float(vp.time(s))}[variable]

    def eps(sigma: float) -> float:
        return sum((k + 1) * v(sigma) ** k for k in range(points))

    x = run(name, options, lambda x, sigma: x - sigma * eps(sigma))
    for i in range(points - 1, len(SIGMAS) - 1):
        exact = quad(eps, SIGMAS[i], SIGMAS[i + 1], epsabs=1e-13, epsrel=1e-13)[0]
        assert float((x[i + 1] - x[i]).mean()) == pytest.approx(exact, rel=1e-8)


def test_exact_on_polynomials_of_the_data() -> None:
    """D quadratic in λ = −ln σ: a three-point step is its integral. DPM-Solver++(3M) is not, by the half weight."""
    heun = {"solver_type": "heun", "lower_order_final": False}
    found = {}
    for name, options in (
        ("sa-solver", {"corrector_order": 0, "tau": 0.0, "lower_order_final": False}),
        ("dpm-solver++3m", heun),
    ):
        x = run(name, options, lambda x, sigma: torch.full_like(x, quadratic(sigma)))
        found[name] = max(float((x[i + 1] - exact(x[i], i)).abs().max()) for i in range(2, len(SIGMAS) - 1))
    assert found["sa-solver"] < 1e-12
    assert found["dpm-solver++3m"] > 1e-3

    halved = run("dpm-solver++3m", heun, lambda x, sigma: torch.full_like(x, 3 + math.log(sigma)))
    for i in range(2, len(SIGMAS) - 1):
        linear = integral(lambda s: 3 + math.log(s), i) + halved[i] * SIGMAS[i + 1] / SIGMAS[i]
        assert gap(halved[i + 1], linear) < 1e-12


def quadratic(sigma: float) -> float:
    return 1 - 2 * math.log(sigma) + 3 * math.log(sigma) ** 2


def integral(d: Callable[[float], float], i: int) -> float:
    """∫ e^(λ − λ') D dλ = σ' ∫ D/σ² dσ over the i-th interval."""
    s, t = SIGMAS[i : i + 2]
    return t * quad(lambda sigma: d(sigma) / sigma**2, t, s, epsabs=1e-13, epsrel=1e-13)[0]


def exact(x: Tensor, i: int) -> Tensor:
    return x * SIGMAS[i + 1] / SIGMAS[i] + integral(quadratic, i)


def test_third_order_as_the_paper_writes_it() -> None:
    """DPM-Solver-3 (Lu et al. 2022, algorithm 2) in the paper's variables: α, σ, λ of a variance-preserving frame."""

    def alpha_sigma(lam: float) -> tuple[float, float]:
        return 1 / math.sqrt(1 + math.exp(-2 * lam)), 1 / math.sqrt(1 + math.exp(2 * lam))

    def eps(y: Tensor, lam: float) -> Tensor:
        a, s = alpha_sigma(lam)
        return (y - a * denoise(y / a, s / a)) / s

    r_1, r_2 = 1 / 3, 2 / 3
    x = run("dpm-solver", {"order": 3})
    y = x[0] * alpha_sigma(-math.log(SIGMAS[0]))[0]
    for lam, lam_t in pairwise([-math.log(s) for s in SIGMAS]):
        h = lam_t - lam
        a, e = alpha_sigma(lam)[0], eps(y, lam)
        (a_1, s_1), (a_2, s_2), (a_t, s_t) = (alpha_sigma(lam + r * h) for r in (r_1, r_2, 1))
        d_1 = eps(a_1 / a * y - s_1 * math.expm1(r_1 * h) * e, lam + r_1 * h) - e
        u_2 = a_2 / a * y - s_2 * math.expm1(r_2 * h) * e
        u_2 = u_2 - s_2 * r_2 / r_1 * (math.expm1(r_2 * h) / (r_2 * h) - 1) * d_1
        d_2 = eps(u_2, lam + r_2 * h) - e
        y = a_t / a * y - s_t * math.expm1(h) * e - s_t / r_2 * (math.expm1(h) / h - 1) * d_2
    assert gap(x[-1], y / alpha_sigma(-math.log(SIGMAS[-1]))[0]) < 1e-12


DRAWN = {
    "dpm-solver++sde": 2,
    "dpm-solver++2m-sde": 1,
    "dpm-solver++3m-sde": 1,
    "euler-ancestral": 1,
    "dpm2-ancestral": 1,
}


@pytest.mark.parametrize("name", DRAWN)
def test_no_draw_goes_unused(name: str) -> None:
    for eta, each in ((1.0, DRAWN[name]), (0.0, 0)):
        noise = Draws(torch.float64)
        list(benchbox.get("sampler", name, eta=eta)(denoise, noise() * SIGMAS[0], levels(SIGMAS), noise))
        assert noise.given == 1 + each * (len(SIGMAS) - 1)


@pytest.mark.parametrize(
    ("name", "options"), [("dpm2", {"eta": 1.5}), ("sa-solver", {"tau": -1.0}), ("ei", {"kappa": -1})]
)
def test_mistakes_are_named(name: str, options: Options) -> None:
    from benchbox.errors import UsageError

    with pytest.raises(UsageError, match=f"{next(iter(options))} must"):
        benchbox.get("sampler", name, **options)
