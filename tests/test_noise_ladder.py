"""docs/noise_ladder.py: the rules of NCSNv2 give the levels and step sizes that its authors published."""

from __future__ import annotations

import math
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

SPEC = spec_from_file_location("noise_ladder", Path(__file__).parents[1] / "docs" / "noise_ladder.py")
assert SPEC is not None
assert SPEC.loader is not None
LADDER = module_from_spec(SPEC)
SPEC.loader.exec_module(LADDER)


@pytest.mark.parametrize(
    ("sigma_max", "dimensions", "levels", "steps", "epsilon"),
    [
        (50, 3 * 32**2, 232, 5, 6.2e-6),
        (90, 3 * 64**2, 500, 5, 3.3e-6),
        (190, 3 * 128**2, 1086, 3, 1.8e-6),
        (348, 3 * 256**2, 2311, 3, 9e-7),
    ],
    ids=["CIFAR-10", "CelebA", "LSUN bedroom", "FFHQ"],
)
def test_the_rules_give_the_published_settings(
    sigma_max: float, dimensions: int, levels: int, steps: int, epsilon: float
) -> None:
    """The configurations of ermongroup/ncsnv2: σ_L = 0.01, ε = ½ step_size σ_L². Their L is 6 % above that of 0.5."""
    span = math.log(sigma_max / 0.01)
    assert 1 + span / math.log(LADDER.ratio(dimensions)) == pytest.approx(levels, rel=0.06)
    step_size = LADDER.best_step_size(LADDER.left_over, steps, math.exp(span / (levels - 1)))
    assert step_size / 2 * 0.01**2 == pytest.approx(epsilon, rel=0.02)


def test_the_variance_left_over_is_that_of_the_steps() -> None:
    """Of a point at 0, whose score at level 1 is −x: x ← (1 − ½ step_size) x + √step_size z, from γ²."""
    variance = 1.2**2
    for _ in range(7):
        variance = (1 - 0.3 / 2) ** 2 * variance + 0.3
    assert LADDER.left_over(0.3, 7, 1.2) == pytest.approx(variance, rel=1e-12)


def test_the_variance_that_accumulates_is_that_of_many_levels() -> None:
    variance = 1.0
    for _ in range(200):
        variance *= 1.2**2
        for _ in range(2):
            variance = (1 - 0.4 / 2) ** 2 * variance + 0.4
    assert LADDER.accumulated(0.4, 2, 1.2) == pytest.approx(variance, rel=1e-9)
    assert LADDER.accumulated(0.2, 1, 1.2) == math.inf


def test_the_largest_distance_is_that_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 1, 3, 3)) * rng.integers(0, 2, (40, 1, 3, 3))
    x = images.reshape(40, 9) / 127.5
    monkeypatch.setattr(LADDER, "AT_ONCE", 7)
    distance = np.linalg.norm(x[:, None] - x[None], axis=2).max()
    assert LADDER.largest_distance(images.astype(np.uint8)) == pytest.approx(distance, rel=1e-5)
