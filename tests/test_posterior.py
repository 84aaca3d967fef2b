"""Posterior denoisers and solvers of inverse problems, against closed forms that are coded here a second time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sweeping import measure as run_cell
from torch import Tensor

import benchbox
from benchbox import Guidance, Levels, Model, Sampler
from benchbox.bench.sweep import Request, expand
from benchbox.bench.truths import measure
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.conformance import certificate_of
from benchbox.exact.law import Scripted, last
from benchbox.gaussians import Posterior, posterior_of
from benchbox.guidance import guided
from benchbox.measurement import Measurements, pose
from benchbox.mixture_law import MixtureLaw
from benchbox.noise import Noise
from benchbox.problem import Problem
from benchbox.registry import registry
from benchbox.svd import matrix_of

Array = NDArray[np.float64]
CPU = torch.device("cpu")
ROTATION = np.linalg.qr(np.random.default_rng(5).standard_normal((4, 4)))[0]
LINEAR: dict[str, dict[str, Any]] = {
    "inpaint": {}, "super-resolution": {}, "deblur": {"width": 0.7}, "denoise": {}, "random-linear": {"rows": 2},
}  # fmt: skip
GUIDES = ("oracle", "mmps", "pigdm", "tmpd", "diffpir", "ddnm")


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Gaussian whose eigenvectors are no coordinate axes."""
    path = tmp_path_factory.mktemp("gaussian") / "q.npy"
    np.save(path, ROTATION)
    return benchbox.get("model", "gaussian", eigenvalues=(2.0, 0.7, 0.3, 0.05), eigenvectors=path)


def posed(name: str, model: Model, sigma_y: float = 0.3, **options: Any) -> Problem:
    return pose(benchbox.get("problem", name, sigma_y=sigma_y, **(LINEAR.get(name, {}) | options)), model)


def measured(problem: Problem, model: Model, m: int = 3) -> Measurements:
    return measure(problem, model, m, 0, "cpu", torch.float64)


def denoiser(model: Model, measurements: Measurements, n: int) -> Denoiser:
    made = Denoiser(model, CPU, torch.float64)
    made.pose(measurements)
    made.at(torch.arange(n))
    return made


def levels(n: int, low: float = 0.01, high: float = 50.0, grid: str = "karras") -> Levels:
    return Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", grid, sigma_min=low, sigma_max=high), n)


def states(n: int, dim: int, seed: int = 3) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).standard_normal((n, dim)))


def law_of(model: Any) -> tuple[Array, Array, Array]:
    """Weights, means and covariances of the data, from the model's own options."""
    if model.name == "mixture":
        means, weights, variances = model.modes
        return weights, means, variances[:, None, None] * np.eye(model.dim)
    q = model.basis
    return np.ones(1), np.broadcast_to(model.center, (1, 4)), ((q * model.spectrum) @ q.T)[None]


def theorem_1(model: Any, a: Array, y: Array, sigma_y: float, x: Array, sigma: float) -> Array:
    """E[x_0 | x, y] of one sample: the mean given x_0 + N(0, Σ*) = μ*, by inverting matrices (Mammadov et al.)."""
    precision = np.eye(len(x)) / sigma**2 + a.T @ a / sigma_y**2
    star = np.linalg.inv(precision)
    mu = star @ (x / sigma**2 + a.T @ y / sigma_y**2)
    logs, means = [], []
    for w, m, c in zip(*law_of(model), strict=True):
        total = c + star
        off = np.linalg.solve(total, mu - m)
        logs.append(np.log(w) - 0.5 * ((mu - m) @ off + np.linalg.slogdet(total)[1]))
        means.append(m + c @ off)
    r = np.exp(np.array(logs) - max(logs))
    return (r / r.sum()) @ np.array(means)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_the_oracle_is_the_exact_posterior_mean(name: str, kind: str, gaussian: Any) -> None:
    model = gaussian if kind == "gaussian" else benchbox.get("model", "mixture")
    options = {"rows": 1} if (name, kind) == ("random-linear", "mixture") else {}
    problem = posed(name, model, **options)
    found, a, n = measured(problem, model), matrix_of(problem, model.shape).numpy(), 6
    denoise = denoiser(model, found, n)
    ask = benchbox.get("guidance", "oracle")(denoise, levels(4))
    for sigma in (0.05, 0.7, 4.0, 60.0):
        x = (3 + sigma) * states(n, model.shape[0])
        expected = [
            theorem_1(model, a, found.y[i % 3].flatten().numpy(), problem.sigma_y, x[i].numpy(), sigma)
            for i in range(n)
        ]
        np.testing.assert_allclose(ask(x, sigma).numpy(), np.array(expected), rtol=0, atol=1e-9)
    assert denoise.evaluations == 4 * n


def conditioned(model: Any, problem: Problem, y: Array) -> tuple[Array, Array]:
    """Mean and covariance of the posterior of Gaussian data, in precision form."""
    a, (_, (m,), (c,)) = matrix_of(problem, model.shape).numpy(), law_of(model)
    covariance = np.linalg.inv(np.linalg.inv(c) + a.T @ a / problem.sigma_y**2)
    return covariance @ (np.linalg.solve(c, m) + a.T @ y / problem.sigma_y**2), covariance


def root(c: Array) -> Array:
    values, q = np.linalg.eigh(c)
    return (q * np.sqrt(values)) @ q.T


def flow(sampler: Sampler, guidance: Guidance, model: Any, found: Measurements, at: Levels, x: Tensor) -> Tensor:
    """The last states from these starts, without the last denoise."""
    denoise = guided(guidance, denoiser(model, found, len(x)), at)
    noise = Scripted(lambda k: x / at.start_std)
    return last(trajectory(sampler, denoise, at, noise, "none"))


@pytest.mark.parametrize("name", LINEAR)
def test_a_sampler_under_the_oracle_draws_the_posterior_at_its_own_order(name: str, gaussian: Any) -> None:
    """The flow from N(m, S + σ²) to N(m, S + σ'²) is linear: the error falls at order 2 and, at order 4, to 1e-9."""
    problem = posed(name, gaussian)
    found, oracle = measured(problem, gaussian, 1), benchbox.get("guidance", "oracle")
    mean, s = conditioned(gaussian, problem, found.y[0].flatten().numpy())
    values, q = np.linalg.eigh(s)
    first, end = 20.0, 0.1
    gain = (q * np.sqrt((values + end**2) / (values + first**2))) @ q.T
    x = first * states(5, 4)
    exact = mean + (x.numpy() - mean) @ gain

    def error(sampler: Sampler, n: int) -> float:
        return float(
            np.abs(flow(sampler, oracle, gaussian, found, levels(n + 1, end, first, "logsnr"), x).numpy() - exact).max()
        )

    heun = [error(benchbox.get("sampler", "heun"), n) for n in (64, 128, 256)]
    assert -np.polyfit(np.log([64, 128, 256]), np.log(heun), 1)[0] == pytest.approx(2, abs=0.35)
    assert error(benchbox.get("sampler", "ode", method="rk4"), 400) < 1e-9


def test_the_exact_posterior_has_the_moments_of_the_precision_form(gaussian: Any) -> None:
    for name in LINEAR:
        problem = posed(name, gaussian)
        found = measured(problem, gaussian, 2)
        means, covariances = posterior_of(gaussian, problem, CPU).moments(found.y)
        for j in range(2):
            mean, covariance = conditioned(gaussian, problem, found.y[j].flatten().numpy())
            np.testing.assert_allclose(means[j].numpy(), mean, atol=1e-10)
            np.testing.assert_allclose(covariances[j].numpy(), covariance, atol=1e-10)


@pytest.mark.parametrize("name", LINEAR)
def test_20_000_samples_of_a_mixture_under_the_oracle_have_the_exact_weights_means_and_covariances(name: str) -> None:
    """E[r_k], E[r_k x] and E[r_k x xᵀ] of the components' responsibilities r_k, within 5 standard errors."""
    model, n = benchbox.get("model", "mixture"), 20_000
    problem = posed(name, model, sigma_y=3.0, **({"rows": 1} if name == "random-linear" else {}))
    found = measured(problem, model, 1)
    schedule, grid = (
        benchbox.get(k, p, sigma_min=0.02, sigma_max=4000.0) for k, p in (("schedule", "edm"), ("grid", "karras"))
    )
    at = Levels.cut(schedule, grid, 70)
    denoise = guided(benchbox.get("guidance", "oracle"), denoiser(model, found, n), at)
    x = last(
        trajectory(benchbox.get("sampler", "heun"), denoise, at, Noise(0, 0, n, (2,), dtype=torch.float64))
    ).numpy()
    exact = posterior_of(model, problem, CPU)
    (weights,), (means,) = (part.numpy() for part in exact.given(found.y))
    covariances = exact.covariances().numpy()
    logs = [
        np.log(w) - 0.5 * (np.einsum("ni,ij,nj->n", x - m, np.linalg.inv(c), x - m) + np.linalg.slogdet(c)[1])
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    r = np.exp(np.array(logs) - np.max(logs, 0))
    r /= r.sum(0)
    common = n * weights > 20  # of a rare component the mean of 20,000 is no normal number
    assert common.sum() > 1
    for w, m, c, share in zip(weights[common], means[common], covariances[common], r[common], strict=True):
        off = x - m
        squares = off[:, :, None] * off[:, None] - c
        parts = (share - w, share[:, None] * off, share[:, None, None] * squares)
        numbers = np.column_stack([part.reshape(n, -1) for part in parts])
        assert (np.abs(numbers.mean(0)) < 5 * numbers.std(0) / math.sqrt(n)).all()
    assert abs(float(r[~common].mean(1).sum() - weights[~common].sum())) < 20 / n


def test_draws_of_the_posterior_have_its_moments() -> None:
    model = benchbox.get("model", "mixture")
    problem = posed("denoise", model, sigma_y=4.0)
    y, exact = measured(problem, model, 1).y, posterior_of(model, problem, CPU)
    mean, covariance = (part[0].numpy() for part in exact.moments(y))
    x = exact.draw(y, 40_000, 0).numpy()
    assert (np.abs(x.mean(0) - mean) < 5 * np.sqrt(np.diag(covariance) / len(x))).all()
    products = (x - mean)[:, :, None] * (x - mean)[:, None]
    assert (np.abs(products.mean(0) - covariance) < 5 * products.std(0) / math.sqrt(len(x))).all()


def test_the_floor_is_what_independent_sets_of_exact_draws_have_on_average() -> None:
    """Each measurement has draws of its own, so that their errors average out over measurements and problems."""
    model, m, n = benchbox.get("model", "mixture"), 60, 100
    problem = posed("denoise", model, sigma_y=3.0)
    found, exact = measured(problem, model, m), posterior_of(model, problem, CPU)
    x = torch.stack([exact.draw(found.y[j : j + 1], n, [1, j]) for j in range(m)], 1).reshape(-1, 2)
    metric = benchbox.get("metric", "sw1", resamples=0)
    context: Any = type("Context", (), {"model": model, "measurements": found})
    accumulator = metric.start(context)
    accumulator.update(x, torch.arange(len(x)))
    row = accumulator.compute()
    error = math.hypot(float(row["sw1_std"]), float(row["sw1_floor_std"]))
    assert abs(float(row["sw1"]) - float(row["sw1_floor"])) < 4 * error
    halves = metric.start(context)
    halves.update(x + 1.0, torch.arange(len(x)))
    assert float(halves.compute()["sw1"]) > float(row["sw1"]) + 4 * error


def test_no_two_problems_share_the_draws_that_they_are_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds, draw = list[tuple[int, ...]](), Posterior.draw

    def recorded(self: Posterior, y: Tensor, n: int, seed: Any) -> Tensor:
        seeds.append(tuple(seed))
        return draw(self, y, n, seed)

    monkeypatch.setattr(Posterior, "draw", recorded)
    for number in range(3):
        model = benchbox.get("model", "mixture25", number=number)
        found = measured(pose(benchbox.get("problem", "random-linear"), model), model, 2)
        context: Any = type("Context", (), {"model": model, "measurements": found})
        accumulator = benchbox.get("metric", "sw2").start(context)
        accumulator.update(states(8, 8), torch.arange(8))
        accumulator.compute()
    assert len(set(seeds)) == len(seeds) == 12


# the approximations


def dense(guide: str, model: Any, a: Array, sigma_y: float, sigma: float) -> Array:
    """G of D_y = D + G (y − A D), by inverting matrices, for Gaussian data."""
    _, _, (c,) = law_of(model)
    v = c @ np.linalg.inv(c + sigma**2 * np.eye(len(c))) * sigma**2
    eye = np.eye(len(a))
    if guide in ("mmps", "oracle"):
        return v @ a.T @ np.linalg.inv(sigma_y**2 * eye + a @ v @ a.T)
    if guide == "pigdm":
        return v @ a.T @ np.linalg.inv(sigma_y**2 * eye + sigma**2 / (1 + sigma**2) * a @ a.T)
    if guide == "tmpd":
        return v @ a.T @ np.diag(1 / (sigma_y**2 + a @ v @ a.T @ np.ones(len(a))))
    if guide == "diffpir":
        return sigma**2 / 7 * a.T @ np.linalg.inv(sigma_y**2 * eye + sigma**2 / 7 * a @ a.T)
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    kept = s > 1e-10
    u, s, vt = u[:, kept], s[kept], vt[kept]
    return vt.T @ np.diag(np.where(sigma_y / s <= sigma, 1 / s, 0)) @ u.T


def heun(slope: Callable[[float], tuple[Array, Array]], sigmas: tuple[float, ...]) -> tuple[Array, Array]:
    """Matrix and offset of Heun's method on dx/dσ = F x + f, by composing its steps."""
    dim = len(slope(sigmas[0])[1])
    whole, offset, one = np.eye(dim), np.zeros(dim), np.eye(dim)
    for sigma, sigma_next in pairwise(sigmas):
        h, (f, b), (f_next, b_next) = sigma_next - sigma, slope(sigma), slope(sigma_next)
        step = one + h / 2 * (f + f_next @ (one + h * f))
        constant = h / 2 * (b + b_next + h * f_next @ b)
        whole, offset = step @ whole, step @ offset + constant
    return whole, offset


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("guide", GUIDES)
def test_the_law_under_a_guide_on_gaussian_data_is_what_its_formula_implies(
    guide: str, name: str, gaussian: Any
) -> None:
    """mmps: that of the exact posterior. The affine map of a whole run against the same map by matrices, to 1e-9."""
    problem = posed(name, gaussian)
    found, a = measured(problem, gaussian, 1), matrix_of(problem, (4,)).numpy()
    y, (_, (m,), (c,)) = found.y[0].flatten().numpy(), law_of(gaussian)

    def slope(sigma: float) -> tuple[Array, Array]:
        shrink = c @ np.linalg.inv(c + sigma**2 * np.eye(4))
        g = dense(guide, gaussian, a, problem.sigma_y, sigma)
        rest = np.eye(4) - g @ a
        d, offset = rest @ shrink, rest @ (m - shrink @ m) + g @ y
        return (np.eye(4) - d) / sigma, -offset / sigma

    at = levels(9, 0.05, 20.0)
    whole, offset = heun(slope, at.sigmas)
    starts = torch.cat([torch.zeros(1, 4, dtype=torch.float64), at.start_std * torch.eye(4, dtype=torch.float64)])
    ends = flow(benchbox.get("sampler", "heun"), benchbox.get("guidance", guide), gaussian, found, at, starts).numpy()
    scale = max(1.0, np.abs(whole).max(), np.abs(offset).max())
    np.testing.assert_allclose(ends[0], offset, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose((ends[1:] - ends[0]).T / at.start_std, whole, rtol=0, atol=1e-9 * scale)


def test_mmps_is_exact_on_gaussian_data_and_counts_its_backwards(gaussian: Any) -> None:
    for name in LINEAR:
        found = measured(posed(name, gaussian), gaussian)
        denoise = denoiser(gaussian, found, 6)
        x = 2 * states(6, 4)
        for sigma in (0.05, 0.7, 30.0):
            exact, mmps = (benchbox.get("guidance", g)(denoise, levels(4))(x, sigma) for g in ("oracle", "mmps"))
            torch.testing.assert_close(mmps, exact, rtol=0, atol=1e-9)
    assert denoise.backward_rows == 3 * 6 * 6
    few = benchbox.get("guidance", "mmps", iterations=1)(denoise, levels(4))(x, 0.7)
    assert float((few - benchbox.get("guidance", "oracle")(denoise, levels(4))(x, 0.7)).abs().max()) > 1e-3


def test_the_backwards_of_each_guide_are_counted(gaussian: Any) -> None:
    found = measured(posed("inpaint", gaussian), gaussian)
    for guide, backwards in {"oracle": 0, "mmps": 6, "pigdm": 1, "tmpd": 2, "dps": 1, "diffpir": 0, "ddnm": 0}.items():
        denoise = denoiser(gaussian, found, 6)
        benchbox.get("guidance", guide)(denoise, levels(4))(states(6, 4), 0.7)
        assert (denoise.rows, denoise.backward_rows) == (6, 6 * backwards)


def test_without_noise_ddnm_and_diffpir_keep_the_measurement(gaussian: Any) -> None:
    for name in ("inpaint", "super-resolution", "random-linear"):
        found = measured(posed(name, gaussian, sigma_y=0.0), gaussian)
        denoise = denoiser(gaussian, found, 6)
        for guide in ("oracle", "ddnm", "diffpir", "pigdm"):
            d = benchbox.get("guidance", guide)(denoise, levels(4))(states(6, 4), 0.7)
            if guide != "pigdm":
                torch.testing.assert_close(denoise.measurement.forward(d), denoise.measurement.y, rtol=0, atol=1e-8)  # type: ignore[union-attr]


def published_dps(model: Any, found: Measurements, at: Levels, draws: list[Tensor], zeta: float, noisy: bool) -> Tensor:
    """Algorithm 1 of Chung et al. 2023 in its own frame, x_i = √ᾱ x_0 + √(1 − ᾱ) ε, each sample alone."""
    alphas = [1 / (1 + sigma**2) for sigma in at.sigmas]
    denoise = model.denoiser(CPU)
    x = math.sqrt(alphas[0]) * at.start_std * draws[0]
    for i, (a, a_next) in enumerate(pairwise(alphas)):
        rows = []
        for j, row in enumerate(x):
            leaf = row[None].clone().requires_grad_()
            x_0 = denoise(leaf / math.sqrt(a), math.sqrt((1 - a) / a))
            alpha = a / a_next
            if noisy:
                mean = (
                    math.sqrt(alpha) * (1 - a_next) / (1 - a) * leaf + math.sqrt(a_next) * (1 - alpha) / (1 - a) * x_0
                )
                step = mean + math.sqrt((1 - a_next) / (1 - a) * (1 - alpha)) * draws[i + 1][j]
            else:
                eps = (leaf - math.sqrt(a) * x_0) / math.sqrt(1 - a)
                step = math.sqrt(a_next) * x_0 + math.sqrt(1 - a_next) * eps
            norm = torch.linalg.norm(found.y[j % len(found.y)] - found.problem.forward(x_0)[0])
            (gradient,) = torch.autograd.grad(norm, leaf)
            rows.append((step - zeta * gradient).detach()[0])
        x = torch.stack(rows)
    return x / math.sqrt(alphas[-1])


@pytest.mark.parametrize("name", ["super-resolution", "clip"])
def test_dps_is_algorithm_1_of_its_paper(name: str) -> None:
    model = benchbox.get("model", "mixture", means=(-1.0, 0.0, 0.5, 1.0), weights=(0.5, 0.5), stds=(0.5, 0.3))
    found, at = measured(posed(name, model), model), levels(7, 0.1, 30.0)
    draws = [states(5, 2, seed) for seed in range(8)]
    x = last(
        trajectory(benchbox.get("sampler", "dps"), denoiser(model, found, 5), at, Scripted(lambda k: draws[k]), "none")
    )
    torch.testing.assert_close(x, published_dps(model, found, at, draws, 0.3, True), rtol=0, atol=1e-9)
    denoise = guided(benchbox.get("guidance", "dps"), denoiser(model, found, 5), at)
    x = last(trajectory(benchbox.get("sampler", "ddim"), denoise, at, Scripted(lambda k: draws[k]), "none"))
    torch.testing.assert_close(x, published_dps(model, found, at, draws, 0.3, False), rtol=0, atol=1e-9)


def test_ddrm_steps_as_its_paper_says_along_each_singular_direction(gaussian: Any) -> None:
    problem = posed("random-linear", gaussian, sigma_y=0.4)
    found, at, eta = measured(problem, gaussian), levels(6, 0.05, 20.0), 0.85
    draws = [states(4, 4, seed) for seed in range(8)]
    x = last(
        trajectory(
            benchbox.get("sampler", "ddrm"), denoiser(gaussian, found, 4), at, Scripted(lambda k: draws[k]), "none"
        )
    )
    u, s, vt = np.linalg.svd(matrix_of(problem, (4,)).numpy())
    formula = gaussian.denoiser(CPU)
    for i in range(4):
        bar = vt @ draws[0][i].numpy() * at.start_std
        y = u.T @ found.y[i % 3].numpy()
        for k in range(2):
            bar[k] = y[k] / s[k] + math.sqrt(at.sigmas[0] ** 2 - (0.4 / s[k]) ** 2) * bar[k] / at.start_std
        for n, (sigma, sigma_next) in enumerate(pairwise(at.sigmas)):
            d = vt @ formula(torch.as_tensor(vt.T @ bar)[None], sigma)[0].numpy()
            z = vt @ draws[n + 1][i].numpy()
            moved = d + math.sqrt(1 - eta**2) * sigma_next * (bar - d) / sigma + eta * sigma_next * z
            for k in range(2):
                noise = 0.4 / s[k]
                if sigma_next < noise:
                    moved[k] = (
                        d[k]
                        + math.sqrt(1 - eta**2) * sigma_next * (y[k] / s[k] - d[k]) / noise
                        + eta * sigma_next * z[k]
                    )
                else:
                    moved[k] = y[k] / s[k] + math.sqrt(sigma_next**2 - noise**2) * z[k]
            bar = moved
        np.testing.assert_allclose(x[i].numpy(), vt.T @ bar, rtol=0, atol=1e-9)


def test_repaint_keeps_the_known_and_draws_the_unknown_given_it(gaussian: Any) -> None:
    """With many repeats on many levels, the posterior of Gaussian data, up to the noise of a measurement."""
    problem = posed("inpaint", gaussian, sigma_y=0.0)
    found, n = measured(problem, gaussian, 1), 2000
    at = levels(300, 0.02, 30.0)
    x = last(
        trajectory(
            benchbox.get("sampler", "repaint"),
            denoiser(gaussian, found, n),
            at,
            Noise(0, 0, n, (4,), dtype=torch.float64),
            "none",
        )
    )
    y = found.y[0].numpy()
    assert float((x[:, :2] - found.y[0, :2]).std()) == pytest.approx(0.02, rel=0.1)
    _, (m,), (c,) = law_of(gaussian)
    gain = c[2:, :2] @ np.linalg.inv(c[:2, :2])
    mean, covariance = m[2:] + gain @ (y[:2] - m[:2]), c[2:, 2:] - gain @ c[:2, 2:]
    assert np.abs(x[:, 2:].mean(0).numpy() - mean).max() < 0.06
    spread = np.sqrt(np.diag(covariance))
    assert np.abs((np.cov(x[:, 2:].T.numpy()) - covariance) / np.outer(spread, spread)).max() < 0.1
    with pytest.raises(benchbox.errors.UsageError, match="repaint solves only inpainting"):
        benchbox.sample("repaint", model="gaussian", nfe=30, problem="deblur")


def authors_jumps(n: int, length: int, times: int) -> list[int]:
    """get_schedule_jump of the authors of RePaint: the levels visited, counted from the last; the first block too."""
    left, t, visited = dict.fromkeys(range(0, n, length), times - 1), n, [n]
    while t >= 1:
        t -= 1
        visited.append(t)
        if left.get(t, 0) > 0:
            left[t] -= 1
            for _ in range(length):
                t += 1
                visited.append(t)
    return visited


def test_repaint_jumps_over_the_levels_of_the_authors_schedule(gaussian: Any) -> None:
    """Each evaluation is at the level that the schedule visits, and a jump up has the noise of all its steps."""
    found, at, n = measured(posed("inpaint", gaussian, sigma_y=0.0), gaussian, 1), levels(7, 0.1, 20.0), 3
    asked, sampler = list[float](), benchbox.get("sampler", "repaint", repeats=3, jump_length=2)
    draws = [states(n, 4, seed) for seed in range(60)]
    denoise = denoiser(gaussian, found, n)
    (mean, c), eye = (law_of(gaussian)[k][0] for k in (1, 2)), np.eye(4)
    x, k, y = at.start_std * draws[0].numpy(), 1, found.y[0].numpy()
    visited = authors_jumps(6, 2, 3)
    for above, below in pairwise(visited):
        sigma, sigma_next = at.sigmas[6 - above], at.sigmas[6 - below]
        if below > above:  # one draw has the law of the steps up
            if above % 2 == 0:
                top = at.sigmas[6 - above - 2]
                x, k = x + np.sqrt(top**2 - sigma**2) * draws[k].numpy(), k + 1
            continue
        asked.append(sigma)
        d = mean + (x - mean) @ c @ np.linalg.inv(c + sigma**2 * eye)
        kept = sigma_next**2 / sigma**2
        x = (1 - kept) * d + kept * x + sigma_next * np.sqrt(1 - kept) * draws[k].numpy()
        x[:, :2], k = (y + sigma_next * draws[k + 1].numpy())[:, :2], k + 2
    ends = last(trajectory(sampler, denoise, at, Scripted(lambda k: draws[k]), "none"))
    np.testing.assert_allclose(ends.numpy(), x, rtol=0, atol=1e-9)
    assert denoise.evaluations == n * len(asked) == n * sampler.evals(7)


# what must not couple a batch


class NormOverTheBatch(Guidance):
    """DPS as it was published: the norm of the whole batch."""

    name = "batch-norm"
    uses_measurement = True

    def __call__(self, denoise: Denoiser, at: Levels) -> Callable[[Tensor, float], Tensor]:
        def posterior(x: Tensor, sigma: float) -> Tensor:
            d, pull = denoise.pullback(x, sigma)
            residual = denoise.measurement.residual(d)  # type: ignore[union-attr]
            return d + pull(denoise.measurement.adjoint(residual / residual.norm()))  # type: ignore[union-attr]

        return posterior

    def cost(self, sigma: float) -> int:
        return 1


@dataclass(frozen=True)
class SolverOverTheBatch(Sampler):
    name = "solver-over-the-batch"
    uses_measurement = True
    continuous_limit = False

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Any:
        for sigma, sigma_next in pairwise(grid.sigmas):
            d = denoise(x, sigma)
            residual = denoise.measurement.residual(d)  # type: ignore[union-attr]
            d = d + denoise.measurement.adjoint(residual / residual.norm())  # type: ignore[union-attr]
            x = d.lerp(x, sigma_next / sigma)
            yield x


def test_a_norm_over_the_batch_fails_the_check() -> None:
    assert {check.name for check in certificate_of(NormOverTheBatch()).failures} == {"batch"}
    assert {check.name for check in certificate_of(SolverOverTheBatch()).failures} == {"batches", "law of a point"}


@pytest.mark.parametrize(
    "name", [n for n in registry().names("sampler") if benchbox.get("sampler", n).uses_measurement]
)
def test_the_built_in_solvers_pass_the_check(name: str) -> None:
    assert not certificate_of(name, "sampler").failures


@pytest.mark.parametrize("name", ["oracle", "mmps", "pigdm", "tmpd", "dps", "diffpir", "ddnm"])
def test_the_posterior_denoisers_pass_the_check(name: str) -> None:
    assert not certificate_of(name, "guidance").failures


@dataclass(frozen=True)
class NoAdjoint(Problem):
    name = "no-adjoint"

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2]


@pytest.mark.parametrize("guide", ["mmps", "tmpd"])
def test_a_guide_that_needs_the_adjoint_says_so(guide: str, gaussian: Any) -> None:
    with pytest.raises(
        benchbox.errors.UsageError, match=f"{guide} needs the adjoint of the operator: problem no-adjoint has"
    ):
        benchbox.get("guidance", guide).check_problem(NoAdjoint(), gaussian)
    found = measured(pose(NoAdjoint(), gaussian), gaussian)
    assert (
        benchbox.get("guidance", "pigdm")(denoiser(gaussian, found, 3), levels(4))(states(3, 4), 1.0).isfinite().all()
    )


# published set-ups


def test_the_published_mixture_has_its_25_components() -> None:
    """Means (−8i, −8j) repeated, covariance I, new weights for each number; its problem takes the number over."""
    law = benchbox.get("model", "mixture25", dim=8, number=3).mixture_law()
    assert law.means.shape == (25, 8)
    assert {tuple(m[:2]) for m in law.means} == {(-8.0 * i, -8.0 * j) for i in range(-2, 3) for j in range(-2, 3)}
    np.testing.assert_array_equal(law.means[:, 2:4], law.means[:, :2])
    assert (law.spectra == 1).all()
    model, x = benchbox.get("model", "mixture25", dim=8, number=3), 20 * states(9, 8)
    for sigma in (0.01, 1.0, 30.0):
        found, expected = (made.denoiser(CPU)(x, sigma) for made in (model, model.mixture))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert not np.allclose(law.weights, benchbox.get("model", "mixture25", number=4).mixture_law().weights)
    (cell,) = expand(
        Request(
            ["heun"], [9], ["mixture25"], problems=["random-linear"], guidances=["oracle"], metrics=["sw1"],
            n_samples=32,
        )
    )  # fmt: skip
    row = run_cell(cell)
    assert row["status"] == "done"
    assert min(row["sw1"], row["sw1_floor"]) > 0
    assert cell.problem.number == 0
    assert cell.problem.sigma_y < 1


@pytest.mark.parametrize(("sigma_y", "published"), [(0.2, 1.12), (0.5, 1.32)])
def test_the_16_dimensional_set_up_has_the_published_error_of_its_exact_posterior(
    sigma_y: float, published: float
) -> None:
    """Qiu et al. (arXiv:2602.04189), A1: the root mean square distance to x_true of 500 draws, over 10 noise draws."""
    x_true = np.array([3, 2, 0.5, -0.5, 1, 0.8, -0.6, 1.1, -0.9, 0.4, 0, -1.2, 0.7, -0.3, 0.5, -0.8])
    spectra = np.ones((2, 16))
    spectra[1, :2] = 2.0
    means = np.zeros((2, 16))
    means[1, :2] = 3.0
    law = MixtureLaw(np.array([0.8, 0.2]), means, spectra)
    s = torch.arange(2, 16, dtype=torch.float64) * 0.05
    identity = torch.eye(16, dtype=torch.float64)
    exact = Posterior(law, identity[:14, :14], s, identity[:, 2:], sigma_y)
    errors = []
    for seed in range(10):
        y = s * torch.as_tensor(x_true[2:]) + sigma_y * torch.as_tensor(np.random.default_rng(seed).standard_normal(14))
        draws = exact.draw(y[None], 500, seed).numpy()
        errors.append(math.sqrt(np.square(draws - x_true).mean()))
    assert np.mean(errors) == pytest.approx(published, abs=0.04)


def test_a_truth_of_a_file_is_measured_for_a_network(tmp_path: Path) -> None:
    model = benchbox.get("model", "mnist-edm")
    found = measure(posed("super-resolution", model, factor=4), model, 100, 0)
    assert found.y.shape == (100, 1, 7, 7)
    assert found.truths.min() >= -1
    assert found.truths.max() <= 1
