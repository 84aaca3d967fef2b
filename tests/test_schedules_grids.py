"""Schedules and grids against the formulas of the sheet: ends, inverses, derivatives, starts, spacings, errors."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import PRESERVING, SCHEDULES

import benchbox
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.schedule import Schedule

GRIDS = ("uniform", "quadratic", "logsnr", "karras", "shifted", "leading", "trailing")
OPTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "ddpm": {"steps": st.integers(50, 2000)},
    "cosine": {"c": st.floats(0.001, 0.05)},
    "vp": {"beta_min": st.floats(0.05, 1.0), "beta_max": st.floats(5.0, 25.0)},
    "subvp": {"beta_min": st.floats(0.05, 1.0), "beta_max": st.floats(5.0, 25.0)},
    "ve": {"sigma_min": st.floats(1e-3, 0.1), "sigma_max": st.floats(10.0, 500.0)},
    "brownian": {"T": st.floats(1.0, 1e4)},
    "edm": {"sigma_min": st.floats(1e-3, 0.1), "sigma_max": st.floats(10.0, 500.0)},
    "flow": {"sigma_max": st.floats(20.0, 1000.0)},
}


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    name = draw(st.sampled_from(SCHEDULES))
    options = draw(st.fixed_dictionaries({}, optional=OPTIONS[name]))
    schedule: Schedule = benchbox.get("schedule", name, **options)
    return schedule


def get(name: str, **options: Any) -> Schedule:
    schedule: Schedule = benchbox.get("schedule", name, **options)
    return schedule


class TestSheet:
    """MATH.md's tables."""

    @pytest.mark.parametrize(
        ("name", "t_min", "t_max"),
        [
            ("ddpm", 1e-3, 1.0),
            ("cosine", 1e-3, 0.9946),
            ("vp", 1e-3, 1.0),
            ("subvp", 1e-3, 1.0),
            ("ve", 1e-5, 1.0),
            ("brownian", 1e-5, 1.0),
            ("flow", 1e-3, 200 / 201),
            ("edm", 0.002 / 80, 1.0),
        ],
    )
    def test_ends(self, name: str, t_min: float, t_max: float) -> None:
        assert get(name).t_min == pytest.approx(t_min, rel=1e-12)
        assert get(name).t_max == pytest.approx(t_max, rel=1e-12)

    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [
            ("ddpm", math.sqrt(1e-4 / (1 - 1e-4)), math.sqrt(1 / 4.0358e-5 - 1)),
            ("cosine", None, 118.8),
            ("vp", 0.010486, 152.17),
            ("ve", 0.01 * 5000**1e-5, 50.0),
            ("brownian", math.sqrt(0.025), 50.0),
            ("edm", 0.002, 80.0),
            ("flow", 1 / 999, 200.0),
        ],
    )
    def test_levels_at_the_ends(self, name: str, low: float | None, high: float) -> None:
        schedule = get(name)
        assert float(schedule.sigma(schedule.t_max)) == pytest.approx(high, rel=5e-4)
        if low is not None:
            assert float(schedule.sigma(schedule.t_min)) == pytest.approx(low, rel=5e-5)

    @pytest.mark.parametrize("name", SCHEDULES)
    def test_start(self, name: str) -> None:
        """N(0, I) in y for the schedules that shrink the data, N(0, σ²) in x for the others."""
        schedule = get(name)
        for t in np.linspace(schedule.t_min, schedule.t_max, 7):
            s, sigma = float(schedule.scale(t)), float(schedule.sigma(t))
            expected = 1 / s if name in ("ddpm", "cosine", "vp", "subvp") else sigma
            assert float(schedule.start_std(t)) == pytest.approx(expected, rel=1e-12)
            if name in PRESERVING:
                assert expected == pytest.approx(math.sqrt(1 + sigma**2), rel=1e-12)

    def test_definitions(self) -> None:
        t = np.linspace(0.01, 0.99, 50)
        integral = 0.1 * t + 9.95 * t**2
        a0, a = (np.cos((u + 0.008) / 1.008 * np.pi / 2) for u in (0.0, t))
        expected = {
            "vp": (np.exp(-integral / 2), np.sqrt(np.exp(integral) - 1)),
            "subvp": (np.exp(-integral / 2), (1 - np.exp(-integral)) / np.exp(-integral / 2)),
            "cosine": (a / a0, np.sqrt(a0**2 / a**2 - 1)),
            "ve": (np.ones(50), 0.01 * 5000**t),
            "brownian": (np.ones(50), np.sqrt(2500 * t)),
            "edm": (np.ones(50), 80 * t),
            "flow": (1 - t, t / (1 - t)),
        }
        for name, (s, sigma) in expected.items():
            np.testing.assert_allclose(get(name).scale(t), s, rtol=1e-12)
            np.testing.assert_allclose(get(name).sigma(t), sigma, rtol=1e-10)

    def test_ddpm_points(self) -> None:
        schedule = get("ddpm")
        abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
        k = np.arange(1, 1001)
        np.testing.assert_allclose(schedule.scale(k / 1000), np.sqrt(abar), rtol=1e-12)
        np.testing.assert_allclose(schedule.sigma(k / 1000), np.sqrt((1 - abar) / abar), rtol=1e-10)
        between = 0.3 * np.log(schedule.sigma(0.5)) + 0.7 * np.log(schedule.sigma(0.501))
        assert np.log(schedule.sigma(0.5007)) == pytest.approx(between, rel=1e-12)


class TestSchedules:
    @given(schedule=schedules(), u=st.lists(st.floats(0, 1), min_size=2, max_size=9, unique=True))
    @settings(max_examples=200, deadline=None)
    def test_sigma_rises_and_time_is_its_inverse(self, schedule: Schedule, u: list[float]) -> None:
        t = schedule.t_min + np.sort(np.array(u)) * (schedule.t_max - schedule.t_min)
        sigma = np.asarray(schedule.sigma(t))
        assert (sigma > 0).all()
        assert (np.diff(sigma)[np.diff(t) > 1e-9] > 0).all()
        np.testing.assert_allclose(schedule.time(sigma), t, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(schedule.sigma(schedule.time(sigma)), sigma, rtol=1e-9)

    @given(schedule=schedules(), u=st.floats(0.01, 0.99))
    @settings(max_examples=200, deadline=None)
    def test_derivatives(self, schedule: Schedule, u: float) -> None:
        t, h = schedule.t_min + u * (schedule.t_max - schedule.t_min), 1e-6
        if schedule.steps is not None:  # inside a piece, not across a point
            t = (math.floor(t * schedule.steps) + 0.5) / schedule.steps
            h /= 10
        h *= min(t, 1 - t)
        slope = (schedule.sigma(t + h) - schedule.sigma(t - h)) / (2 * h)
        decay = (np.log(schedule.scale(t + h)) - np.log(schedule.scale(t - h))) / (2 * h)
        np.testing.assert_allclose(schedule.dsigma(t), slope, rtol=1e-5)
        np.testing.assert_allclose(schedule.dlog_scale(t), decay, rtol=1e-5, atol=1e-5)

    @given(schedule=schedules(), u=st.floats(0, 1))
    @settings(max_examples=100, deadline=None)
    def test_scalars_and_arrays_agree(self, schedule: Schedule, u: float) -> None:
        t = schedule.t_min + u * (schedule.t_max - schedule.t_min)
        for f in (schedule.scale, schedule.sigma, schedule.dlog_scale, schedule.dsigma, schedule.start_std):
            value, array = f(t), f(np.array([t, t]))
            assert np.ndim(value) == 0
            assert np.shape(array) == (2,)
            assert float(value) == pytest.approx(float(np.asarray(array)[0]), rel=1e-12)
            assert np.asarray(array).dtype == np.float64

    @pytest.mark.parametrize("name", PRESERVING)
    def test_variance_is_preserved(self, name: str) -> None:
        t = np.linspace(get(name).t_min, get(name).t_max, 200)
        np.testing.assert_allclose(get(name).scale(t) ** 2 * (1 + np.square(get(name).sigma(t))), 1, rtol=1e-9)

    @pytest.mark.parametrize("steps", [25, 100, 1000])
    def test_ddpm_derivative_at_its_points_is_that_of_the_piece_below(self, steps: int) -> None:
        schedule = get("ddpm", steps=steps)
        t = np.arange(2, steps + 1) / steps
        below = t - 1e-3 / steps
        slope = (np.log(schedule.sigma(t)) - np.log(schedule.sigma(below))) / (t - below)
        np.testing.assert_allclose(schedule.dsigma(t) / schedule.sigma(t), slope, rtol=1e-6)


class TestGrids:
    @given(schedule=schedules(), name=st.sampled_from(GRIDS[:4]), n=st.integers(1, 200))
    @settings(max_examples=200, deadline=None)
    def test_formulas(self, schedule: Schedule, name: str, n: int) -> None:
        times = np.asarray(benchbox.get("grid", name)(schedule, n))
        first, last = schedule.t_max, schedule.t_min
        high, low = float(schedule.sigma(first)), float(schedule.sigma(last))
        i = np.arange(n) / max(n - 1, 1)
        expected = {
            "uniform": first + i * (last - first),
            "quadratic": (math.sqrt(first) + i * (math.sqrt(last) - math.sqrt(first))) ** 2,
            "logsnr": schedule.time(high * (low / high) ** i),
            "karras": schedule.time((high ** (1 / 7) + i * (low ** (1 / 7) - high ** (1 / 7))) ** 7),
        }[name]
        np.testing.assert_allclose(times, expected, rtol=1e-9)
        self.check(schedule, name, n)

    @given(schedule=schedules(), name=st.sampled_from(GRIDS), n=st.integers(1, 40), u=st.floats(0.05, 0.4))
    @settings(max_examples=200, deadline=None)
    def test_ends_can_be_narrowed(self, schedule: Schedule, name: str, n: int, u: float) -> None:
        low, high = (math.log(float(schedule.sigma(t))) for t in (schedule.t_min, schedule.t_max))
        inner = {"sigma_min": math.exp(low + u * (high - low)), "sigma_max": math.exp(high - u * (high - low))}
        grid = benchbox.get("grid", name, **inner)
        try:
            cut = Levels.cut(schedule, grid, n)
        except UsageError:
            assert name in ("leading", "trailing")
            return
        assert cut.sigmas[0] <= inner["sigma_max"] * (1 + 1e-9)
        assert cut.sigmas[-1] >= inner["sigma_min"] * (1 - 1e-9)
        if name not in ("leading", "trailing"):
            assert cut.sigmas[0] == pytest.approx(inner["sigma_max"], rel=1e-9)
            assert n == 1 or cut.sigmas[-1] == pytest.approx(inner["sigma_min"], rel=1e-9)

    @given(steps=st.integers(50, 1200), name=st.sampled_from(GRIDS[5:]), data=st.data())
    @settings(max_examples=150, deadline=None)
    def test_whole_indices(self, steps: int, name: str, data: st.DataObject) -> None:
        schedule, n = get("ddpm", steps=steps), data.draw(st.integers(2, steps))
        k = np.asarray(benchbox.get("grid", name)(schedule, n)) * steps
        i = np.arange(n)
        expected = 1 + i[::-1] * (steps // n) if name == "leading" else np.round(steps - i * steps / n)
        np.testing.assert_allclose(k, expected, rtol=1e-12)
        self.check(schedule, name, n)

    @pytest.mark.parametrize("name", SCHEDULES)
    @pytest.mark.parametrize("grid", GRIDS)
    def test_every_grid_on_every_schedule(self, grid: str, name: str) -> None:
        for n in (1, 2, 3, 10, 35, 50):
            self.check(get(name), grid, n)
        assert Levels.cut(get(name), benchbox.get("grid", grid), 1).times[0] == pytest.approx(get(name).t_max)

    @staticmethod
    def check(schedule: Schedule, grid: str, n: int) -> None:
        cut = Levels.cut(schedule, benchbox.get("grid", grid), n)
        assert len(cut.sigmas) == len(cut.times) == len(cut.scales) == n
        assert all(type(v) is float for v in (*cut.sigmas, *cut.times, *cut.scales))
        assert min(cut.sigmas) > 0
        assert (np.diff(cut.sigmas) < 0).all()
        assert (np.diff(cut.times) < 0).all()

    def test_karras_rho_and_quadratic_reach(self) -> None:
        edm = get("edm")
        linear = np.asarray(benchbox.get("grid", "karras", rho=1.0)(edm, 9))
        np.testing.assert_allclose(edm.sigma(linear), np.linspace(80, 0.002, 9), rtol=1e-10)
        reached = benchbox.get("grid", "quadratic", reach=0.8)(get("ddpm"), 10)
        assert reached[0] == pytest.approx(0.8)
        # EDM's own 18 levels (Karras et al. 2022, eq. 5)
        own = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
        cut = Levels.cut(edm, benchbox.get("grid", "karras"), 18)
        np.testing.assert_allclose(cut.sigmas, own, rtol=1e-10)

    @pytest.mark.parametrize("shift", [1.0, 3.0, 7.0])
    def test_a_shift_multiplies_sigma(self, shift: float) -> None:
        """Stable Diffusion 3, eq. 23: t = shift u/(1 + (shift − 1) u), from pure noise at u = 1; FLUX ends at 1/N."""
        flow, u = get("flow", sigma_max=1e6), np.linspace(1, 1 / 8, 8)
        levels = Levels.cut(flow, benchbox.get("grid", "shifted", shift=shift, trailing=True), 8)
        np.testing.assert_allclose(levels.times, shift * u / (1 + (shift - 1) * u), atol=1e-5)
        plain = Levels.cut(flow, benchbox.get("grid", "shifted", sigma_min=0.25 / shift), 8)
        moved = Levels.cut(flow, benchbox.get("grid", "shifted", shift=shift, sigma_min=0.25), 8)
        np.testing.assert_allclose(moved.sigmas[1:], shift * np.array(plain.sigmas[1:]), rtol=1e-3)
        assert moved.sigmas[0] == pytest.approx(1e6)

    @pytest.mark.parametrize("grid", ["leading", "trailing"])
    @pytest.mark.parametrize(
        ("schedule", "options"),
        [("ddpm", {}), ("ddpm", {"steps": 100}), ("vp", {}), ("flow", {}), ("ve", {}), ("cosine", {})],
    )
    def test_coinciding_levels_name_the_largest_number(self, grid: str, schedule: str, options: dict[str, Any]) -> None:
        chosen, rule = get(schedule, **options), benchbox.get("grid", grid)
        with pytest.raises(UsageError) as caught:
            Levels.cut(chosen, rule, 1500)
        largest = int(re.findall(r"at most (\d+) levels", str(caught.value))[0])
        assert 0 < largest <= (chosen.steps or 1000)
        Levels.cut(chosen, rule, largest)
        for n in (largest + 1, largest + 2, 1000 + largest):
            with pytest.raises(UsageError, match=f"at most {largest} levels"):
                Levels.cut(chosen, rule, n)
        if options or schedule == "ddpm":
            assert largest == chosen.steps

    def test_coinciding_levels_of_a_narrowed_grid(self) -> None:
        rule = benchbox.get("grid", "trailing", sigma_min=1.0)
        with pytest.raises(UsageError, match=r"at most \d+ levels are possible"):
            Levels.cut(get("ddpm"), rule, 50)

    def test_levels_beyond_a_frame_are_refused(self) -> None:
        cut = Levels.cut(get("edm"), benchbox.get("grid", "karras"), 5)
        with pytest.raises(UsageError, match=r"frame ddpm has levels from 0\.01 to 157, which do not cover"):
            cut.in_frame(get("ddpm"))
        assert cut.in_frame(None) is cut
        assert cut.in_frame(get("edm")) is cut
