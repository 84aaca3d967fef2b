"""Named grids: published values at their own number of levels, interpolation, range, and the formulas of interfaces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbox_solvers import benchbox_grids
from benchbox_solvers.published_grids import Published
from scipy.special import betainc

import benchbox
from benchbox import Grid, Levels
from benchbox.errors import UsageError

PUBLISHED = [cls for cls in benchbox_grids() if issubclass(cls, Published)]


def cut(name: str, n: int, schedule: str = "ddpm", **options: float) -> Levels:
    return Levels.cut(benchbox.get("schedule", schedule), benchbox.get("grid", name, **options), n)


@pytest.mark.parametrize("cls", benchbox_grids(), ids=lambda cls: cls.name)
@pytest.mark.parametrize("n", [1, 2, 5, 10, 33])
def test_levels_on_every_schedule(cls: type[Grid], n: int) -> None:
    """Strictly decreasing (which Levels.cut checks), in the schedule's range; one level is the noisiest."""
    for name in ("ddpm", "edm", "flow", "vp", "cosine"):
        schedule = benchbox.get("schedule", name)
        low, high = (float(schedule.sigma(t)) for t in (schedule.t_min, schedule.t_max))
        grid = cls(sigma_min=low, sigma_max=high) if issubclass(cls, Published) else cls()
        levels = Levels.cut(schedule, grid, n)
        assert schedule.t_min * (1 - 1e-9) <= levels.times[-1]
        assert levels.times[0] <= schedule.t_max * (1 + 1e-9)


@pytest.mark.parametrize("cls", PUBLISHED, ids=lambda cls: cls.name)
def test_published_levels_are_as_published_and_interpolated_in_between(cls: type[Published]) -> None:
    wide = benchbox.get("schedule", "edm", sigma_min=1e-4, sigma_max=1000.0)
    n = len(cls.values) - 1
    sigmas = np.asarray(Levels.cut(wide, cls(), n).sigmas)
    own = np.asarray(cls.values[:-1])
    np.testing.assert_allclose(sigmas, own / (1 - own) if cls.name == "oss-flux" else own, rtol=1e-12)
    doubled = np.asarray(Levels.cut(wide, cls(), 2 * n).sigmas)
    np.testing.assert_allclose(doubled[::2], sigmas, rtol=1e-12)
    if cls.name != "oss-flux":  # which is interpolated in ln t
        np.testing.assert_allclose(doubled[1::2][:-1], np.sqrt(sigmas[:-1] * sigmas[1:]), rtol=1e-12)


def test_published_levels_keep_to_the_range() -> None:
    assert cut("ays-svd", 10, "edm").sigmas[:2] == pytest.approx((80.0, 54.5))
    with pytest.raises(UsageError, match=r"2 levels beyond σ = 80.*--set oss-flux.sigma_max=80"):
        cut("oss-flux", 10, "edm")
    moved = cut("ays-sd15", 10, sigma_max=20.0, sigma_min=0.05).sigmas
    assert moved[0] == pytest.approx(20.0)
    ratio = math.log(20 / 0.05) / math.log(14.615 / 0.029)
    assert math.log(20 / moved[3]) == pytest.approx(math.log(14.615 / 2.697) * ratio)


def test_interface_grids_are_their_interfaces_timesteps() -> None:
    """0-based timesteps of the 1000 of Stable Diffusion, worked out by hand from the interfaces' formulas."""
    steps = {name: [round(t * 1000) - 1 for t in cut(name, 4).times] for name in ("simple", "ddim-uniform", "beta")}
    assert steps["simple"] == [999, 749, 499, 249]
    assert steps["ddim-uniform"] == [751, 501, 251, 1]
    assert betainc(0.6, 0.6, np.array(steps["beta"]) / 999) == pytest.approx([1, 0.75, 0.5, 0.25], abs=1e-3)
    assert cut("sgm-uniform", 4).times == pytest.approx(np.linspace(1, 0.001, 5)[:-1])
    assert cut("kl-optimal", 3, "edm").sigmas[1] == pytest.approx(math.tan((math.atan(80) + math.atan(0.002)) / 2))
    assert cut("polyexponential", 3, "edm", rho=2.0).sigmas[1] == pytest.approx(0.002 * (80 / 0.002) ** 0.25)
    assert cut("exponential", 5, "edm").sigmas == cut("logsnr", 5, "edm").sigmas


def test_linear_quadratic_is_the_parabola_of_its_ends() -> None:
    """t(n) = 0, and value and slope agree where the line ends."""
    times = np.asarray(cut("linear-quadratic", 10, "flow").times) / benchbox.get("schedule", "flow").t_max
    s = 1 - times
    np.testing.assert_allclose(s[:6], np.arange(6) * 0.005, atol=1e-12)
    second = np.diff(s[5:], n=2)
    np.testing.assert_allclose(second, second[0], rtol=1e-9)
    assert s[9] + (s[9] - s[8]) + second[0] == pytest.approx(1)


def test_too_many_levels_for_the_timesteps_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not strictly decreasing"):
        cut("beta", 900)
