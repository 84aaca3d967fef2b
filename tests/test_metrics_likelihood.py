"""Likelihoods: exact on Gaussian data, bounded by the variational bound, finite and repeatable on a network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.likelihoods import log_decoder
from benchbox.metric import Context
from benchbox.metrics.bound import all_levels, bound_estimate
from benchbox.metrics.data import Data
from benchbox.metrics.terms import Terms
from benchbox.model import Model

GAUSSIAN = benchbox.get("model", "gaussian")
ENTROPY = float(np.mean(0.5 * np.log2(2 * math.pi * math.e * GAUSSIAN.spectrum)))
"""Bits per dimension."""


def context(model: Model, schedule: str | None = None) -> Context:
    """Of a run on 8 levels."""
    chosen = benchbox.get("schedule", schedule) if schedule else model.schedule
    levels = Levels.cut(chosen, benchbox.get("grid", "uniform"), 8)
    return Context(model, Denoiser(model, torch.device("cpu")), chosen, levels, torch.device("cpu"), 0)


def measured(metric: str, where: Context, **options: Any) -> dict[str, Any]:
    return benchbox.get("metric", metric, **options).start(where).compute()


def images(path: Path, n: int, size: int) -> Path:
    """Random smooth grey images in an .npz."""
    z = torch.randn(n, 1, size // 2, size // 2, generator=torch.Generator().manual_seed(3))
    x = torch.nn.functional.interpolate(z, size=size, mode="bilinear")[:, 0]
    np.savez(path, x_train=(x * 60 + 128).clamp(0, 255).to(torch.uint8).numpy(), y_train=np.arange(n) % 10)
    return path


@pytest.mark.parametrize("schedule", ["edm", "vp", "subvp", "flow", "ddpm"])
def test_bits_of_gaussian_data_are_their_entropy_in_every_frame(schedule: str) -> None:
    found = measured("bpd", context(GAUSSIAN, schedule), tolerance=1e-6)
    assert found["bpd"] == pytest.approx(ENTROPY, abs=1e-3)
    assert abs(found["bpd"] - ENTROPY) < 4 * found["bpd_std"]
    assert found["bpd_probes"] == 0


def test_bits_of_a_mixture_are_its_exact_log_density() -> None:
    model = benchbox.get("model", "mixture")
    means, weights, variances = (torch.as_tensor(a) for a in model.modes)
    square = (model.draw(200, 0)[:, None] - means).square().sum(2)
    log_p = torch.logsumexp(weights.log() - 0.5 * square / variances - (2 * math.pi * variances).log(), 1)
    found = measured("bpd", context(model), samples=200, tolerance=1e-6)
    assert found["bpd"] == pytest.approx(-float(log_p.mean()) / (2 * math.log(2)), abs=2e-3)


def rotated(path: Path, dim: int = 24) -> Model:
    """Gaussian data whose Jacobian is not diagonal, so that probes differ."""
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))
    np.save(path / "q.npy", q)
    values = tuple(np.geomspace(0.05, 4, dim).tolist())
    model: Model = benchbox.get("model", "gaussian", mean=(0.0,), eigenvalues=values, eigenvectors=path / "q.npy")
    return model


def test_hutchinson_agrees_with_the_exact_trace_within_its_stated_error(tmp_path: Path) -> None:
    where = context(rotated(tmp_path))
    options = {"samples": 40, "method": "rk4", "steps": 25}
    exact = measured("bpd", where, probes=0, **options)
    for seed in (0, 1):
        found = measured("bpd", where, probes=3, probe_seed=seed, **options)
        assert 0 < abs(found["bpd"] - exact["bpd"]) < 3 * found["bpd_probe_std"]
        assert found["bpd_probes"] == 3
    assert exact["bpd_probe_std"] is None


def test_images_are_dequantised_over_the_cell_of_each_pixel(tmp_path: Path) -> None:
    file = images(tmp_path / "images.npz", 64, 4)
    model = benchbox.get(
        "model", "gaussian", mean=(0.1,), eigenvalues=(0.25,) * 16, sample_shape=(1, 4, 4), data_range=(-1.0, 1.0)
    )
    x = np.load(file)["x_train"] / 127.5 - 1
    mass = norm.cdf(x + 1 / 255, 0.1, 0.5) - norm.cdf(x - 1 / 255, 0.1, 0.5)
    exact = -np.log2(mass).mean()
    found = measured("bpd", context(model), data=file, probes=1, tolerance=1e-6)
    assert found["bpd"] == pytest.approx(exact, abs=1e-3)
    bound = measured("vlb", context(model, "ddpm"), data=file, levels=8)
    assert exact - 4 * bound["vlb_std"] < bound["vlb"] < exact + 1 + 4 * bound["vlb_std"]


def test_bits_of_a_network_are_finite_and_other_probes_reproduce_them(tmp_path: Path) -> None:
    where = context(benchbox.get("model", "mnist-edm"))
    options: dict[str, Any] = {"data": images(tmp_path / "images.npz", 4, 28), "samples": 3, "method": "midpoint"}
    runs = [measured("bpd", where, steps=6, probes=4, probe_seed=seed, **options) for seed in (0, 1)]
    one, two = (run["bpd"] for run in runs)
    assert math.isfinite(one)
    assert 0 < abs(one - two) < 4 * math.hypot(*(run["bpd_probe_std"] for run in runs))
    labelled = measured("bpd", where, steps=6, probes=4, labels="y_train", **options)
    assert labelled["bpd"] != one
    assert where.denoiser.rows == where.denoiser.backward_rows == 0


def closed_form(levels: Levels, variance: str) -> dict[str, float]:
    """The terms of the bound on Gaussian data, in bits per dimension."""
    lam, mu, sigma, std = GAUSSIAN.spectrum, GAUSSIAN.center, np.array(levels.sigmas), levels.start_std
    error = np.array([(lam * s**2 / (lam + s**2)).sum() for s in sigma])
    gain = 1 - (sigma[1:] / sigma[:-1]) ** 2
    abar = 1 / (1 + sigma**2)
    alpha = abar[:-1] / abar[1:]
    posterior = (1 - abar[1:]) / (1 - abar[:-1]) * (1 - alpha)  # β̃ and β, in the frame of y
    chosen = posterior if variance == "small" else 1 - alpha
    ratio = posterior / chosen
    steps = 0.5 * (abar[1:] * gain**2 * error[:-1] / chosen + 4 * (ratio - 1 - np.log(ratio)))
    decoder = posterior[-1] if variance == "small" else 1 - abar[-1]
    start = (sigma[0] / std) ** 2
    terms = {
        "vlb_lt": 0.5 * (((mu**2 + lam).sum()) / std**2 + 4 * (start - 1 - math.log(start))),
        "vlb_diffusion": float(steps.sum()),
        "vlb_l0": 0.5 * (4 * math.log(2 * math.pi * decoder) + error[-1] / decoder),
    }
    return {name: value / (4 * math.log(2)) for name, value in terms.items()}


@pytest.mark.parametrize("variance", ["small", "large"])
def test_the_bound_of_gaussian_data_has_its_closed_form(variance: str) -> None:
    where = context(GAUSSIAN, "ddpm")
    exact = closed_form(all_levels(where.schedule, where.grid), variance)
    found = measured("vlb", where, variance=variance, levels=48)
    for name, value in exact.items():
        assert abs(found[name] - value) < 4 * found[f"{name}_std"] + 1e-9, name
    assert found["vlb_std"] < 0.08
    assert found["vlb"] == pytest.approx(sum(found[name] for name in exact), rel=1e-9)
    assert sum(exact.values()) > ENTROPY


def test_the_bound_of_every_level_of_a_short_schedule_is_exact_in_the_mean_and_its_error_is_the_spread() -> None:
    schedule = benchbox.get("schedule", "ddpm", steps=30)
    levels = all_levels(schedule, None)  # type: ignore[arg-type]
    exact = sum(closed_form(levels, "small").values())
    denoise = Denoiser(GAUSSIAN, torch.device("cpu"))
    for count in (6, 30):
        runs = []
        for seed in range(50):
            data = Data(GAUSSIAN.draw(32, seed), None, None)
            runs.append(bound_estimate(Terms(denoise, levels, data, count, "small"), np.random.default_rng(seed)))
        values, errors = (np.array([run[name] for run in runs], dtype=float) for name in ("vlb", "vlb_std"))
        assert abs(values.mean() - exact) < 3.5 * values.std() / math.sqrt(50)
        assert errors.mean() == pytest.approx(values.std(), rel=0.3)


def test_a_continuous_schedule_is_bounded_on_the_levels_of_the_run() -> None:
    where = context(GAUSSIAN)
    assert all_levels(where.schedule, where.grid) is where.grid
    assert measured("vlb", where)["vlb"] > ENTROPY + 1  # 8 levels


@pytest.mark.parametrize("std", [1e-3, 0.02, 3.0])
def test_the_decoder_gives_all_pixels_together_the_mass_1(std: float) -> None:
    pixels = (torch.arange(256, dtype=torch.float64) / 127.5 - 1)[:, None]
    for mean in (-1.3, -1.0, 0.2, 0.99):
        log_p: Tensor = log_decoder(pixels, torch.full_like(pixels, mean), std, (-1.0, 1.0))
        assert bool((log_p <= 0).all())
        assert bool(torch.isfinite(log_p[(pixels - mean).abs() < 30 * std]).all())
        assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ({"name": "mnist-edm"}, {"data": "small.npz"}, "has images of"),
        ({"name": "mnist-edm"}, {"data": "large.npz", "samples": 5}, "fewer than"),
        ({"name": "mnist-edm"}, {"data": "large.npz", "samples": 2, "key": "x_test"}, "no array"),
        ({"name": "gaussian", "eigenvalues": (1.0, 0.0, 1.0, 1.0)}, {}, "no density"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    model: dict[str, Any], options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    for name, size in (("small", 4), ("large", 28)):
        images(tmp_path / f"{name}.npz", 3, size)
    if "data" in options:
        options |= {"data": tmp_path / options["data"]}
    where = context(benchbox.get("model", model.pop("name"), **model))
    with pytest.raises(UsageError, match=says):
        measured("bpd", where, **options)
    if options:
        with pytest.raises(UsageError, match=says):
            benchbox.get("metric", "bpd", **options).check(where.model)


def test_data_of_a_model_that_makes_no_images_are_refused(tmp_path: Path) -> None:
    metric = benchbox.get("metric", "bpd", data=images(tmp_path / "images.npz", 3, 4))
    with pytest.raises(UsageError, match="makes no images"):
        metric.check(GAUSSIAN)
    with pytest.raises(UsageError, match="there is no file"):
        benchbox.get("metric", "bpd", data=tmp_path / "none.npz")
    with pytest.raises(UsageError, match="set data"):
        benchbox.get("metric", "vlb", key="x_test")
