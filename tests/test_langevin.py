"""Langevin dynamics at one level: what it leaves in place, and what it cannot reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import benchbox
from benchbox import Levels
from benchbox.exact.law import propagate
from benchbox.models.mixture import Mixture


def weights(name: str, **options: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The share of 500 samples of each mode of `mixture`, after 1,000 evaluations."""
    model: Mixture = benchbox.get("model", "mixture")
    x = benchbox.sample(name, model="mixture", nfe=1000, n=500, batch_size=500, **options)  # type: ignore[arg-type]
    nearest = model.log_joint("cpu")(x, 0.0).argmax(1)
    return torch.bincount(nearest, minlength=4).numpy() / len(x)


def test_it_misses_the_weights_of_a_mixture_where_annealed_langevin_dynamics_does_not() -> None:
    exact = np.array([0.4, 0.3, 0.2, 0.1])
    error = 4 * np.sqrt(exact * (1 - exact) / 500)
    assert (np.abs(weights("annealed-langevin") - exact) < error).all()
    assert np.abs(weights("langevin", step_size=0.01) - exact).max() > 3 * error.max()


def test_without_noise_all_samples_end_in_the_mode_and_with_it_in_the_biased_law() -> None:
    """Of Gaussian data: x' = x − ½ α (x − μ)/λ + √α z is stationary at variance λ/(1 − α/4λ)."""
    model = benchbox.get("model", "gaussian")
    levels = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 3000)
    law = propagate(benchbox.get("sampler", "langevin", s_noise=0.0), model, levels)
    mean, variance = law.moments()
    np.testing.assert_allclose(mean, model.center, atol=1e-6)
    assert variance.max() < 1e-6
    mean, variance = propagate(
        benchbox.get("sampler", "langevin", step_size=0.02),
        model,
        Levels.cut(levels.schedule, benchbox.get("grid", "karras"), 400),
    ).moments()
    total = model.spectrum[2:] + levels.sigmas[-1] ** 2
    np.testing.assert_allclose(variance[2:], total / (1 - 0.02 / (4 * total)), rtol=1e-3)


@pytest.mark.parametrize("options", [{"step_size": 0.0}, {"s_noise": -1.0}])
def test_a_mistaken_option_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(Exception, match="step_size must be above 0 and s_noise at least 0"):
        benchbox.get("sampler", "langevin", **options)
