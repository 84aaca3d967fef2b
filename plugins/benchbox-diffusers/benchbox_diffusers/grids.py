"""The default levels of each scheduler on the run's schedule, as a grid with the name of the scheduler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchbox import Grid, Schedule, get
from benchbox_diffusers.options import option_classes, table
from benchbox_diffusers.traits import TRAITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class OwnLevels(Grid):
    """The levels of `set_timesteps` if the run's schedule is that of the training."""

    scheduler: ClassVar[str]

    @staticmethod
    def facts(name: str) -> dict[str, Any]:
        return {"__doc__": f"The default levels of diffusers' {name}, with the run's schedule as its training steps."}

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        if n_levels == 1:
            return np.array([first])
        sigmas = default_levels(self, training_sigmas(schedule, last, first), n_levels)
        times = np.asarray(schedule.time(sigmas), dtype=np.float64)
        # schedulers store levels in float32: rounding must not exceed the ends of the schedule
        for end in (first, last):
            close = np.isclose(schedule.sigma(times), float(schedule.sigma(end)), rtol=1e-4, atol=0)
            times = np.where(close, end, times)
        return times


def training_sigmas(schedule: Schedule, last: float, first: float) -> NDArray[np.float64]:
    """Increasing σ of the training steps between two times. For a schedule linear in σ (EDM), the steps of VP.

    No network is trained at equal steps of σ, and diffusers' β are those of VP.
    """
    low, middle, high = (float(schedule.sigma(t)) for t in (last, (last + first) / 2, first))
    if math.isclose(middle, (low + high) / 2):
        schedule = get("schedule", "vp")
        last, first = float(schedule.time(low)), float(schedule.time(high))
    times = np.linspace(last, first, schedule.steps or TRAINING_STEPS)
    return np.asarray(schedule.sigma(times), dtype=np.float64)


def default_levels(grid: OwnLevels, training: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """The n levels, from the increasing σ of the training steps."""
    from benchbox_diffusers.build import make, set_table

    traits, low, high = TRAITS[grid.scheduler], float(training[0]), float(training[-1])
    if traits.levels == "ipndm":
        return improved_pndm(high, n)
    options = {option: getattr(grid, option) for option in table()[grid.scheduler]["spacing"]}
    fixed = {"num_train_timesteps": len(training), "sigma_min": low, "sigma_max": high, "lower_order_final": True}
    scheduler = make(grid.scheduler, options | fixed)
    if traits.levels == "score-sde":
        scheduler.set_sigmas(n)
        return np.asarray(scheduler.discrete_sigmas.flip(0).double())
    if traits.levels != "sigmas":
        set_table(scheduler, training)
    if traits.frame == "flow":
        shift = options["shift"]
        scheduler.sigma_min, scheduler.sigma_max = (sigma / shift / (1 + sigma / shift) for sigma in (low, high))
    try:
        scheduler.set_timesteps(n)
    except ValueError as error:
        if traits.levels != "pndm":
            raise
        raise ValueError("there are too few training steps for the first Runge–Kutta steps of the scheduler") from error
    if hasattr(scheduler, "alphas_cumprod") and traits.frame == "vp" and not hasattr(scheduler, "sigmas"):
        steps = getattr(scheduler, "_timesteps", None)
        steps = scheduler.timesteps.numpy() if steps is None else np.asarray(steps)[::-1]
        return training[steps.astype(int)]
    sigmas = np.array(list(dict.fromkeys(float(s) for s in scheduler.sigmas if s > 0))[:n])
    return sigmas / (1 - sigmas) if traits.frame == "flow" else sigmas


def improved_pndm(high: float, n: int) -> NDArray[np.float64]:
    """Levels of IPNDM: β = sin²(uπ/2) for decreasing u; u = 1 has σ = β/√(1−β²) = ∞, so it starts at `high`."""
    top = math.asin(math.sqrt(high / math.hypot(1, high))) * 2 / math.pi
    beta = np.sin(np.linspace(top, 0, n + 1)[:-1] * np.pi / 2) ** 2
    return beta / np.sqrt(1 - beta**2)


def base(name: str) -> type[OwnLevels] | None:
    return OwnLevels if TRAITS[name].own_levels else None


GRIDS: list[type[OwnLevels]] = option_classes(__name__, ("spacing",), base)
globals().update({cls.__name__: cls for cls in GRIDS})  # so that instances can be pickled
