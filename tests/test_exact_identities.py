"""What is exactly true of the samplers, in float64: identities, invariances, costs, and their laws on Gaussian data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    EIGENVALUES,
    MEAN,
    PRESERVING,
    SCHEDULES,
    ExactNetwork,
    OneHot,
    label,
    levels,
    sampler,
)
from numpy.typing import NDArray
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.driver import least_nfe, plan_levels, planned_nfe, trajectory
from benchbox.grid import Levels
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

CPU = torch.device("cpu")
F64 = torch.float64
GAUSSIAN = benchbox.get("model", "gaussian", mean=MEAN, eigenvalues=EIGENVALUES)
# points of the ddpm schedule whose levels every schedule reaches: 25.5 to 0.24
POINTS = (800, 650, 500, 380, 280, 190, 120, 70)
ON_POINTS = tuple(float(benchbox.get("schedule", "ddpm").sigma(k / 1000)) for k in POINTS)

falling = st.lists(st.floats(0.2, 0.95), min_size=1, max_size=7).map(lambda ratios: tuple(np.cumprod([40.0, *ratios])))
"""Levels that fall from 40 by any factors."""


def states(chosen: Sampler, cut: Levels, model: Any = GAUSSIAN, seed: int = 0, n: int = 6) -> Tensor:
    """Every state of a run, (states, n, dimension), in float64."""
    noise = Noise(seed, 0, n, model.shape, dtype=F64)
    return torch.stack(list(trajectory(chosen, Denoiser(model, CPU, F64), cut, noise)))


def agree(a: Tensor, b: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


class TestIdentities:
    @given(sigmas=falling, seed=st.integers(0, 99))
    @settings(max_examples=20, deadline=None)
    def test_ddim_with_eta_1_is_ancestral_small(self, sigmas: tuple[float, ...], seed: int) -> None:
        cut = levels("vp", sigmas)
        agree(states(sampler("ddim", eta=1.0), cut, seed=seed), states(sampler("ancestral"), cut, seed=seed))

    @given(sigmas=falling, seed=st.integers(0, 99))
    @settings(max_examples=20, deadline=None)
    def test_ddim_with_eta_0_is_euler_in_sigma(self, sigmas: tuple[float, ...], seed: int) -> None:
        denoise = GAUSSIAN.denoiser(CPU)
        found = states(sampler("ddim"), levels("flow", sigmas), seed=seed)
        x = found[0]
        for sigma, sigma_next, state in zip(sigmas[:-1], sigmas[1:], found[1:], strict=False):
            x = x + (sigma_next - sigma) * (x - denoise(x, sigma)) / sigma
            agree(state, x)
        agree(found[-1], denoise(x, sigmas[-1]))
        agree(found, states(sampler("euler-maruyama", kappa=0.0, frame="edm"), levels("flow", sigmas), seed=seed))
        agree(found, states(sampler("ode", method="euler"), levels("flow", sigmas), seed=seed))

    @pytest.mark.parametrize("schedule", SCHEDULES)
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("ancestral", {}),
            ("ancestral", {"variance": "large"}),
            ("ddim", {"eta": 0.5}),
            ("euler-maruyama", {}),
            ("euler-maruyama", {"kappa": 0.0, "frame": "vp"}),
            ("heun", {}),
            ("ode", {"method": "midpoint"}),
            ("ode", {"method": "rk4", "frame": None}),
        ],
        ids=lambda value: value if isinstance(value, str) else label("", value),
    )
    def test_pc_without_corrector_is_its_predictor(self, schedule: str, name: str, options: dict[str, Any]) -> None:
        cut, predictor = levels(schedule, ON_POINTS), sampler(name, **options)
        agree(states(sampler("pc", predictor=predictor, corrector_steps=0), cut), states(predictor, cut))

    @pytest.mark.parametrize("frame", SCHEDULES)
    def test_pc_without_corrector_is_reverse_diffusion(self, frame: str) -> None:
        """The VP form in a variance-preserving frame, the VE form elsewhere (Song et al. 2021, app. F)."""
        schedule, denoise = benchbox.get("schedule", frame), GAUSSIAN.denoiser(CPU)
        cut = levels(schedule, ON_POINTS)
        found = states(sampler("pc", corrector_steps=0), cut)
        noise = Noise(0, 0, 6, GAUSSIAN.shape, dtype=F64)
        x = noise(0.0, 0.0) * cut.start_std
        for i, (sigma, sigma_next) in enumerate(pairwise(ON_POINTS)):
            z, score = noise(sigma, sigma_next), (denoise(x, sigma) - x) / sigma**2
            if frame in PRESERVING:
                s, s_next = float(schedule.scale(cut.times[i])), float(schedule.scale(cut.times[i + 1]))
                beta = 1 - s**2 / s_next**2
                y = (2 - math.sqrt(1 - beta)) * (s * x) + beta * (score / s) + math.sqrt(beta) * z
                x = y / s_next
            else:
                x = x + (sigma**2 - sigma_next**2) * score + math.sqrt(sigma**2 - sigma_next**2) * z
            agree(found[i + 1], x)

    @pytest.mark.parametrize("schedule", PRESERVING)
    def test_ancestral_large_has_the_beta_of_the_interval(self, schedule: str) -> None:
        """Ho et al. 2020, algorithm 2, as it is printed, with σ_t² = β_t."""
        frame, denoise = benchbox.get("schedule", schedule), GAUSSIAN.denoiser(CPU)
        cut = levels(schedule, ON_POINTS)
        found = states(sampler("ancestral", variance="large"), cut)
        noise = Noise(0, 0, 6, GAUSSIAN.shape, dtype=F64)
        abar = [float(frame.scale(t)) ** 2 for t in cut.times]
        y = noise(0.0, 0.0) * cut.start_std * math.sqrt(abar[0])
        for i, (ab, ab_next) in enumerate(pairwise(abar)):
            x = y / math.sqrt(ab)
            eps, alpha = (x - denoise(x, ON_POINTS[i])) / ON_POINTS[i], ab / ab_next
            y = (y - (1 - alpha) / math.sqrt(1 - ab) * eps) / math.sqrt(alpha) + math.sqrt(1 - alpha) * noise(0.0, 0.0)
            agree(found[i + 1], y / math.sqrt(ab_next))


EULER_VP = sampler("euler-maruyama", kappa=0.0, frame="vp")
ON_LEVELS: list[tuple[str, dict[str, Any]]] = [
    ("ancestral", {}),
    ("ancestral", {"variance": "large", "frame": "vp"}),
    ("ancestral", {"variance": "large", "frame": "flow"}),
    ("ddim", {}),
    ("ddim", {"eta": 0.6}),
    *[("euler-maruyama", {"kappa": kappa, "frame": frame}) for kappa in (0.0, 0.5, 1.0) for frame in ("vp", "flow")],
    ("euler-maruyama", {"frame": "subvp"}),
    ("euler-maruyama", {"frame": "ve"}),
    ("euler-maruyama", {"integrator": "exponential", "frame": "vp"}),
    ("pc", {"frame": "vp"}),
    ("pc", {"frame": "ve", "corrector_steps": 2}),
    ("pc", {"frame": "cosine", "norm": "sample"}),
    ("pc", {"predictor": EULER_VP, "frame": "ve"}),
    ("heun", {}),
    ("annealed-langevin", {}),
    ("ode", {"method": "euler"}),
    ("ode", {"method": "heun2"}),
]
"""Sampler settings with their frame stated that ask the model on the levels alone."""
BETWEEN: list[tuple[str, dict[str, Any]]] = [
    ("heun", {"s_churn": 3.0, "s_max": 20.0, "s_noise": 1.01}),
    *[("ode", {"method": method}) for method in ("midpoint", "heun3", "rk4", "rk4_classic")],
    ("ode", {"method": "midpoint", "frame": "vp"}),
    ("ode", {"method": "rk4", "frame": "cosine"}),
    *[("ode", {"method": method}) for method in ("dopri5", "dopri8", "bosh3", "fehlberg2")],
    ("ode", {"method": "adaptive_heun", "rtol": 0.02}),
    ("ode", {"method": "dopri5", "frame": "flow"}),
    ("ode", {"method": "scipy_solver"}),
]
"""Those that also ask in between."""
EQUAL_STEPS: list[tuple[str, dict[str, Any]]] = []
"""Those that hold only for equal steps, here of σ."""
SETTINGS = [*ON_LEVELS, *BETWEEN, *EQUAL_STEPS]


def setting(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(f"{k}={getattr(v, 'name', v)}" for k, v in value.items())


class TestFramesAndPredictions:
    """The schedule that carries a run and the output type of a network change nothing."""

    @pytest.mark.parametrize(("name", "options"), SETTINGS, ids=setting)
    def test_same_samples(self, name: str, options: dict[str, Any]) -> None:
        chosen = sampler(name, **options)
        sigmas = tuple(np.linspace(25.0, 0.5, 8)) if (name, options) in EQUAL_STEPS else ON_POINTS
        expected = states(chosen, levels("edm", sigmas, 25.0))[-1]
        for i, carrier in enumerate(SCHEDULES):
            cut = levels(carrier, sigmas, 25.0)
            agree(states(chosen, cut)[-1], expected, 1e-9)
            natives = {carrier, SCHEDULES[i - 3]} if (name, options) in ON_LEVELS else {SCHEDULES[i - 3]}
            for native in natives:
                for prediction in ("eps", "x0", "score", "v", "flow", "edm"):
                    if prediction != "v" or native in PRESERVING:
                        model = ExactNetwork(prediction, benchbox.get("schedule", native))
                        agree(states(chosen, cut, model)[-1], expected, 1e-9)

    @pytest.mark.parametrize(("name", "options"), ON_LEVELS, ids=setting)
    @pytest.mark.parametrize("prediction", ["eps", "x0", "score", "v", "flow"])
    def test_same_samples_from_a_discrete_network(self, prediction: Any, name: str, options: dict[str, Any]) -> None:
        """On the points of its schedule a network that takes whole k only is asked at the right one."""
        chosen = sampler(name, **options)
        expected = states(chosen, levels("edm", ON_POINTS, 25.0))[-1]
        model = ExactNetwork(prediction, benchbox.get("schedule", "ddpm"), between=False)
        for carrier in ("ddpm", "ve", "flow"):
            agree(states(chosen, levels(carrier, ON_POINTS, 25.0), model)[-1], expected, 1e-9)


class TestBatches:
    @pytest.mark.parametrize(("name", "options"), SETTINGS, ids=setting)
    @pytest.mark.parametrize("model", ["gaussian", "mixture"])
    def test_samples_do_not_depend_on_the_batch_size(self, model: str, name: str, options: dict[str, Any]) -> None:
        chosen = sampler(name, **options)
        request: dict[str, Any] = {"model": model, "n": 33, "seed": 3, "dtype": "float64", **options}
        request["nfe"] = None if chosen.evals_per_step is None else 24
        if (name, options) in EQUAL_STEPS:
            request |= {"grid": "uniform"}
        if frame := {"vp", "cosine", "subvp", "ve", "flow"} & {options.get("frame")}:
            request |= {"schedule": frame.pop()}
        if predictor := options.get("predictor"):
            request |= {"predictor": predictor.name, "schedule": "vp"}
            request.pop("frame")
        whole = benchbox.sample(name, batch_size=33, **request)
        assert whole.dtype == F64
        assert torch.isfinite(whole).all()
        for size in (1, 5, 16):
            agree(benchbox.sample(name, batch_size=size, **request), whole, 1e-12)


def intervals(each: int) -> Callable[[int], int]:
    return lambda n: each * (n - 1) + 1


COSTS: list[tuple[str, dict[str, Any], Callable[[int], int]]] = [
    ("ancestral", {}, intervals(1)),
    ("ancestral", {"variance": "large"}, intervals(1)),
    ("ddim", {}, intervals(1)),
    ("ddim", {"eta": 1.0}, intervals(1)),
    ("euler-maruyama", {}, intervals(1)),
    ("euler-maruyama", {"kappa": 0.0}, intervals(1)),
    ("pc", {}, intervals(2)),
    ("pc", {"corrector_steps": 0}, intervals(1)),
    ("pc", {"corrector_steps": 3, "norm": "sample"}, intervals(4)),
    ("pc", {"predictor": "heun"}, intervals(3)),
    ("pc", {"predictor": sampler("ode", method="rk4"), "corrector_steps": 2}, intervals(6)),
    ("pc", {"predictor": sampler("annealed-langevin", steps_per_level=2)}, intervals(5)),
    ("heun", {}, lambda n: 2 * n - 1),
    ("heun", {"s_churn": 10.0}, lambda n: 2 * n - 1),
    ("annealed-langevin", {}, lambda n: 5 * n + 1),
    ("annealed-langevin", {"steps_per_level": 1}, lambda n: n + 1),
    *[
        ("ode", {"method": method, "frame": frame}, intervals(each))
        for method, each in (("euler", 1), ("midpoint", 2), ("heun2", 2), ("heun3", 3), ("rk4", 4), ("rk4_classic", 4))
        for frame in ("sigma", None)
    ],
]


class TestCosts:
    @pytest.mark.parametrize("final", ["denoise", "none"])
    @pytest.mark.parametrize(("name", "options", "formula"), COSTS, ids=lambda v: "" if callable(v) else setting(v))
    def test_counter_equals_formula(
        self, name: str, options: dict[str, Any], formula: Callable[[int], int], final: str
    ) -> None:
        """For every budget from the least to 60: the most levels that fit, and exactly what they cost."""
        chosen, schedule = sampler(name, **options), benchbox.get("schedule", "edm")
        grid = benchbox.get("grid", "uniform", sigma_min=0.5)
        spare = final == "none"
        least, counted = least_nfe(chosen, final), {}
        for budget in range(-1, 61):
            n = plan_levels(chosen, budget, final)
            assert (n > 0) == (budget >= least - (spare and formula(1) == 1)), budget
            if n == 0:
                continue
            assert formula(n) - spare <= budget < formula(n + 1) - spare
            if n not in counted and n <= 61:
                counted[n] = self.count(chosen, Levels.cut(schedule, grid, n), final)
            assert counted[n] == formula(n) - spare == planned_nfe(chosen, n, final)

    @staticmethod
    def count(chosen: Sampler, cut: Levels, final: str) -> float:
        denoise = Denoiser(GAUSSIAN, CPU, F64)
        for _ in trajectory(chosen, denoise, cut, Noise(0, 0, 3, GAUSSIAN.shape, dtype=F64), final):
            pass
        return denoise.rows / 3


Array = NDArray[np.float64]
Move = tuple[Array | float, Array | float, Array | float]
"""(k, c, n²): y ← k y + c + n z."""
MU, LAM = np.array(MEAN), np.array(EIGENVALUES)


def about(mean: Array, k: Array, n2: Array | float, mean_next: Array | None = None) -> Move:
    """m' − a'μ = k (m − aμ)."""
    return k, (mean if mean_next is None else mean_next) - k * mean, n2


def ddim_move(eta: float, large: bool = False) -> Callable[[Levels, int], Iterator[Move]]:
    def move(cut: Levels, i: int) -> Iterator[Move]:
        at, ap = (float(cut.schedule.scale(t)) ** 2 for t in cut.times[i : i + 2])
        v = at * LAM + 1 - at
        c2 = eta**2 * (1 - at / ap) * (1 - ap) / (1 - at)
        k = (math.sqrt(ap * at) * LAM + math.sqrt((1 - ap - c2) * (1 - at))) / v
        yield about(math.sqrt(at) * MU, k, 1 - at / ap if large else c2, math.sqrt(ap) * MU)

    return move


def sde_move(
    f: Callable[[float], float], g2: Callable[[float], float], kappa: float
) -> Callable[[Levels, int], Iterator[Move]]:
    """Euler–Maruyama with the drift and the diffusion of a frame written out."""

    def move(cut: Levels, i: int) -> Iterator[Move]:
        t, t_next = cut.times[i : i + 2]
        h, a, v = t - t_next, *moments(cut, i)
        strength = 0.5 * (1 + kappa**2) * h * g2(t)
        yield 1 - h * f(t) - strength / v, strength * a * MU / v, kappa**2 * h * g2(t)

    return move


def moments(cut: Levels, i: int) -> tuple[float, Array]:
    """a and v of y_t = a x_0 + …."""
    a = float(cut.schedule.scale(cut.times[i]))
    return a, a**2 * (LAM + cut.sigmas[i] ** 2)


def beta(t: float) -> float:
    return 0.1 + 19.9 * t


def big_b(t: float) -> float:
    return 0.1 * t + 9.95 * t**2


def pf_heun_vp(cut: Levels, i: int) -> Iterator[Move]:
    t, t_next = cut.times[i : i + 2]
    (a, v), (a_next, v_next), h = moments(cut, i), moments(cut, i + 1), t - t_next
    c, c_next = 0.5 * beta(t) * (1 / v - 1), 0.5 * beta(t_next) * (1 / v_next - 1)
    e, e_next = -0.5 * beta(t) * a * MU / v, -0.5 * beta(t_next) * a_next * MU / v_next
    yield 1 - h / 2 * (c + c_next * (1 - h * c)), -h / 2 * (e + e_next - h * c_next * e), 0.0


def slope(sigma: float) -> Array:
    """c(σ) of dx/dσ = c (x − μ)."""
    return sigma / (LAM + sigma**2)


def exponential_vp(cut: Levels, i: int) -> Iterator[Move]:
    """With half of the integral of β, in which the reverse SDE is dy = (y + 2 score) dB + √2 dw."""
    (a, v), grown = moments(cut, i), math.exp((big_b(cut.times[i]) - big_b(cut.times[i + 1])) / 2)
    yield grown - 2 * (grown - 1) / v, 2 * (grown - 1) * a * MU / v, grown**2 - 1


def ancestral_vp(cut: Levels, i: int) -> Iterator[Move]:
    """score_sde's, with β = β(t) h."""
    (a, v), b = moments(cut, i), beta(cut.times[i]) * (cut.times[i] - cut.times[i + 1])
    yield (1 - b / v) / math.sqrt(1 - b), b * a * MU / v / math.sqrt(1 - b), b


def edm_euler(cut: Levels, i: int) -> Iterator[Move]:
    sigma, sigma_next = cut.sigmas[i : i + 2]
    yield about(MU, 1 + (sigma_next - sigma) * slope(sigma), 0.0)


def edm_heun(s_churn: float = 0.0, s_noise: float = 1.0) -> Callable[[Levels, int], Iterator[Move]]:
    def move(cut: Levels, i: int) -> Iterator[Move]:
        sigma, sigma_next = cut.sigmas[i : i + 2]
        hat = sigma * (1 + min(s_churn / len(cut.sigmas), math.sqrt(2) - 1))
        yield 1.0, 0.0, s_noise**2 * (hat**2 - sigma**2)
        h = sigma_next - hat
        yield about(MU, 1 + h / 2 * (slope(hat) + slope(sigma_next) * (1 + h * slope(hat))), 0.0)

    return move


def midpoint(cut: Levels, i: int) -> Iterator[Move]:
    sigma, sigma_next = cut.sigmas[i : i + 2]
    h, middle = sigma_next - sigma, (sigma + sigma_next) / 2
    yield about(MU, 1 + h * slope(middle) * (1 + h / 2 * slope(sigma)), 0.0)


def ve_reverse_diffusion(cut: Levels, i: int) -> Iterator[Move]:
    sigma, sigma_next = cut.sigmas[i : i + 2]
    yield about(MU, 1 - (sigma**2 - sigma_next**2) / (LAM + sigma**2), sigma**2 - sigma_next**2)


def vp_reverse_diffusion(cut: Levels, i: int) -> Iterator[Move]:
    (a, v), (a_next, _) = moments(cut, i), moments(cut, i + 1)
    b = 1 - a**2 / a_next**2
    yield 2 - math.sqrt(1 - b) - b / v, b * a * MU / v, b


def ve_ancestral(cut: Levels, i: int) -> Iterator[Move]:
    sigma, sigma_next = cut.sigmas[i : i + 2]
    gone = sigma**2 - sigma_next**2
    yield about(MU, 1 - gone / (LAM + sigma**2), sigma_next**2 * gone / sigma**2)


def then_langevin(
    predictor: Callable[[Levels, int], Iterator[Move]], steps: int, preserving: bool
) -> Callable[[Levels, int], Iterator[Move]]:
    """Langevin steps at the interval's end: x + e score + √(2e) z, e = 2a (0.16 σ')² (variance times s'² in y)."""

    def move(cut: Levels, i: int) -> Iterator[Move]:
        yield from predictor(cut, i)
        a, a_next, sigma = moments(cut, i)[0], moments(cut, i + 1)[0], cut.sigmas[i + 1]
        e = 2 * (a**2 / a_next**2 if preserving else 1.0) * (0.16 * sigma) ** 2
        for _ in range(steps):
            yield about(a_next * MU, 1 - e / (LAM + sigma**2), 2 * e * a_next**2)

    return move


def langevin_levels(step_size: float, steps: int) -> Callable[[Levels, int], Iterator[Move]]:
    def move(cut: Levels, i: int) -> Iterator[Move]:
        for sigma in cut.sigmas if i == 0 else ():
            a = step_size * sigma**2 / 2
            for _ in range(steps):
                yield about(MU, 1 - a / (LAM + sigma**2), 2 * a)

    return move


def vp_sde(kappa: float) -> Callable[[Levels, int], Iterator[Move]]:
    return sde_move(lambda t: -0.5 * beta(t), beta, kappa)


LOG_VE = math.log(5000)
LAWS: list[tuple[str, dict[str, Any], str, str, Callable[[Levels, int], Iterator[Move]]]] = [
    *[("ddim", {"eta": eta}, s, "uniform", ddim_move(eta)) for eta in (0.0, 0.3, 1.0) for s in PRESERVING],
    *[("ancestral", {}, schedule, "quadratic", ddim_move(1.0)) for schedule in PRESERVING],
    *[("ancestral", {"variance": "large"}, s, "uniform", ddim_move(1.0, large=True)) for s in PRESERVING],
    ("ancestral", {}, "ve", "uniform", ve_ancestral),
    ("ancestral", {"variance": "large"}, "ve", "uniform", ve_reverse_diffusion),
    *[("euler-maruyama", {"kappa": kappa}, "vp", "uniform", vp_sde(kappa)) for kappa in (0.0, 0.5, 1.0)],
    ("euler-maruyama", {"frame": "vp"}, "vp", "logsnr", vp_sde(1.0)),
    ("euler-maruyama", {"integrator": "exponential"}, "vp", "uniform", exponential_vp),
    ("euler-maruyama", {"integrator": "ancestral"}, "vp", "uniform", ancestral_vp),
    ("euler-maruyama", {}, "subvp", "uniform",
     sde_move(lambda t: -0.5 * beta(t), lambda t: beta(t) * -math.expm1(-2 * big_b(t)), 1.0)),
    ("euler-maruyama", {}, "ve", "uniform", sde_move(lambda t: 0.0, lambda t: 2e-4 * LOG_VE * 5000 ** (2 * t), 1.0)),
    ("euler-maruyama", {}, "brownian", "quadratic", sde_move(lambda t: 0.0, lambda t: 2500.0, 1.0)),
    ("euler-maruyama", {}, "flow", "karras", sde_move(lambda t: -1 / (1 - t), lambda t: 2 * t / (1 - t), 1.0)),
    ("euler-maruyama", {"kappa": 0.0}, "edm", "karras", edm_euler),
    ("heun", {}, "edm", "karras", edm_heun()),
    ("heun", {"s_churn": 4.0, "s_noise": 1.007}, "edm", "karras", edm_heun(4.0, 1.007)),
    ("ode", {"method": "euler"}, "edm", "karras", edm_euler),
    ("ode", {"method": "midpoint"}, "edm", "karras", midpoint),
    ("ode", {"method": "heun2"}, "edm", "karras", edm_heun()),
    ("ode", {"method": "heun2", "frame": None}, "vp", "uniform", pf_heun_vp),
    ("pc", {"corrector_steps": 0}, "ve", "uniform", ve_reverse_diffusion),
    ("pc", {"corrector_steps": 0}, "vp", "uniform", vp_reverse_diffusion),
    ("pc", {}, "ve", "uniform", then_langevin(ve_reverse_diffusion, 1, preserving=False)),
    ("pc", {}, "ddpm", "uniform", then_langevin(vp_reverse_diffusion, 1, preserving=True)),
    ("pc", {"predictor": "ancestral", "corrector_steps": 2}, "ve", "uniform",
     then_langevin(ve_ancestral, 2, preserving=False)),
    ("annealed-langevin", {}, "ve", "logsnr", langevin_levels(0.2, 5)),
]  # fmt: skip


class TestLaws:
    """The law of the output on N(μ, diag λ), by the variance recursions of each method (m ← k m + c, V ← k² V + n²)."""

    @pytest.mark.parametrize("n_levels", [2, 7, 30])
    @pytest.mark.parametrize(
        ("name", "options", "schedule", "grid", "move"), LAWS, ids=lambda v: "" if callable(v) else setting(v)
    )
    def test_law_on_gaussian(
        self,
        name: str,
        options: dict[str, Any],
        schedule: str,
        grid: str,
        move: Callable[[Levels, int], Iterator[Move]],
        n_levels: int,
    ) -> None:
        chosen = sampler(name, **options)
        if options.get("integrator") == "ancestral":  # β must be below 1
            n_levels += 28
        cut = Levels.cut(benchbox.get("schedule", schedule), benchbox.get("grid", grid), n_levels)
        moves = [m for i in range(n_levels - 1) for m in move(cut, i)]
        scale, scale_end, sigma = cut.scales[0], cut.scales[-1], cut.sigmas[-1]
        m, v = np.zeros(4), np.full(4, (scale * cut.start_std) ** 2)
        for k, c, n2 in moves:
            m, v = k * m + c, k * k * v + n2
        if name == "heun":  # its last step, to σ = 0, is churned too (s = 1 in its frame)
            hat = sigma * (1 + min(options.get("s_churn", 0.0) / n_levels, math.sqrt(2) - 1))
            v, sigma = v + options.get("s_noise", 1.0) ** 2 * (hat**2 - sigma**2), hat
        gain = LAM / (LAM + sigma**2)
        m, v = MU + gain * (m / scale_end - MU), gain**2 * v / scale_end**2
        mean, variance = self.law(chosen, cut)
        np.testing.assert_allclose(mean, m, rtol=1e-10, atol=1e-10 * max(1.0, float(np.abs(m).max())))
        np.testing.assert_allclose(variance, v, rtol=1e-10)
        if all(np.all(n2 == 0) for _, _, n2 in moves):
            self.check_map(chosen, cut, moves)

    @staticmethod
    def law(chosen: Sampler, cut: Levels) -> tuple[Array, Array]:
        """Mean and variance of the output, exactly: every method is affine in its start and its draws."""
        counting = OneHot(1, GAUSSIAN.shape)
        for _ in trajectory(chosen, Denoiser(GAUSSIAN, CPU, F64), cut, counting):
            pass
        *_, x = trajectory(chosen, Denoiser(GAUSSIAN, CPU, F64), cut, OneHot(counting.draws + 1, GAUSSIAN.shape))
        return x[0].numpy(), (x[1:] - x[0]).square().sum(0).numpy()

    @staticmethod
    def check_map(chosen: Sampler, cut: Levels, moves: list[Move]) -> None:
        """A method without noise is an exact map of its start."""
        found = states(chosen, cut, seed=5)
        y = found[0].numpy() * cut.scales[0]
        for k, c, _ in moves:
            y = k * y + c
        gain = LAM / (LAM + cut.sigmas[-1] ** 2)
        agree(found[-1], torch.from_numpy(MU + gain * (y / cut.scales[-1] - MU)))

    @pytest.mark.parametrize("method", ["rk4", "dopri5", "dopri8", "bosh3", "scipy_solver"])
    @pytest.mark.parametrize("frame", ["sigma", "vp"])
    def test_ode_reaches_the_exact_map(self, method: str, frame: str) -> None:
        """√((λ+σ'²)/(λ+σ²)) times the start, then the denoiser: to the solver's tolerance."""
        cut = Levels.cut(
            benchbox.get("schedule", "vp"),
            benchbox.get("grid", "logsnr", sigma_min=0.05),
            300 if method == "rk4" else 5,
        )
        found = states(sampler("ode", method=method, rtol=1e-8, atol=1e-10, frame=frame), cut)
        first, last = cut.sigmas[0], cut.sigmas[-1]
        x = MU + np.sqrt((LAM + last**2) / (LAM + first**2)) * (found[0].numpy() - MU)
        agree(found[-1], torch.from_numpy(MU + LAM / (LAM + last**2) * (x - MU)), 1e-5)

    def test_pc_with_sample_norms_agrees_with_its_mean_field_law(self) -> None:
        """‖z‖² → d, ‖score‖² → Σ V/v² in 256 dimensions; 2,000 samples, 4 standard errors of the mean variance."""
        d, n = 256, 2000
        lam = np.linspace(0.2, 2.0, d)
        model = benchbox.get("model", "gaussian", mean=(0.0,), eigenvalues=tuple(lam))
        cut = Levels.cut(benchbox.get("schedule", "ve"), benchbox.get("grid", "uniform", sigma_min=0.3), 12)
        *_, x = trajectory(
            sampler("pc", norm="sample"), Denoiser(model, CPU, F64), cut, Noise(1, 0, n, (d,), dtype=F64)
        )
        v = np.full(d, cut.start_std**2)
        for sigma, sigma_next in pairwise(cut.sigmas):
            gone = sigma**2 - sigma_next**2
            v = (1 - gone / (lam + sigma**2)) ** 2 * v + gone
            level = lam + sigma_next**2
            e = 2 * 0.16**2 * d / (v / level**2).sum()
            v = (1 - e / level) ** 2 * v + 2 * e
        v = (lam / (lam + cut.sigmas[-1] ** 2)) ** 2 * v
        found = x.square().mean(0).numpy()
        # the sum over coordinates, relative; 1/d is the error of the mean field
        error = float(found.sum() / v.sum() - 1)
        assert abs(error) < 4 * math.sqrt(2 * float((v**2).sum()) / n) / float(v.sum()) + 2 / d

    def test_levels_are_reached_in_every_frame(self) -> None:
        """The check above would hold trivially if the frames had other levels."""
        for name in SCHEDULES:
            frame: Schedule = benchbox.get("schedule", name)
            np.testing.assert_allclose(levels("edm", ON_POINTS).in_frame(frame).sigmas, ON_POINTS, rtol=1e-12)
