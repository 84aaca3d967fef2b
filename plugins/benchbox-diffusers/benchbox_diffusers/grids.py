"""The levels that each scheduler chooses by itself, on the run's schedule, as a grid of the scheduler's name."""

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
    """What `set_timesteps` gives where the training steps are the run's schedule, between its ends."""

    scheduler: ClassVar[str]

    @staticmethod
    def facts(name: str) -> dict[str, Any]:
        return {"__doc__": f"The levels that diffusers' {name} chooses, with the run's schedule as its training steps."}

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        if n_levels == 1:
            return np.array([first])
        sigmas = chosen(self, training_sigmas(schedule, last, first), n_levels)
        found = np.asarray(schedule.time(sigmas), dtype=np.float64)
        # schedulers keep their levels in float32: an end of the schedule must not come out beyond it
        for end in (first, last):
            close = np.isclose(schedule.sigma(found), float(schedule.sigma(end)), rtol=1e-4, atol=0)
            found = np.where(close, end, found)
        return found


def training_sigmas(schedule: Schedule, last: float, first: float) -> NDArray[np.float64]:
    """The σ of the training steps between two times, the least first; VP's where time is but another unit of σ (EDM).

    No network is trained at equal steps of σ, and the β of diffusers are those of VP.
    """
    low, middle, high = (float(schedule.sigma(t)) for t in (last, (last + first) / 2, first))
    if math.isclose(middle, (low + high) / 2):
        schedule = get("schedule", "vp")
        last, first = float(schedule.time(low)), float(schedule.time(high))
    times = np.linspace(last, first, schedule.steps or TRAINING_STEPS)
    return np.asarray(schedule.sigma(times), dtype=np.float64)


def chosen(grid: OwnLevels, training: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """The n levels, from the σ of the training steps, the least first."""
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
        raise ValueError("the scheduler's first Runge–Kutta steps do not fit") from error  # NumPy speaks of shapes
    if hasattr(scheduler, "alphas_cumprod") and traits.frame == "vp" and not hasattr(scheduler, "sigmas"):
        steps = getattr(scheduler, "_timesteps", None)
        steps = scheduler.timesteps.numpy() if steps is None else np.asarray(steps)[::-1]
        return training[steps.astype(int)]
    sigmas = np.array(list(dict.fromkeys(float(s) for s in scheduler.sigmas if s > 0))[:n])
    return sigmas / (1 - sigmas) if traits.frame == "flow" else sigmas


def improved_pndm(high: float, n: int) -> NDArray[np.float64]:
    """IPNDM's β = sin²(uπ/2), with u from 1 (where σ = β/√(1−β²) is infinite, so from the schedule's end) to 0."""
    top = math.asin(math.sqrt(high / math.hypot(1, high))) * 2 / math.pi
    beta = np.sin(np.linspace(top, 0, n + 1)[:-1] * np.pi / 2) ** 2
    return beta / np.sqrt(1 - beta**2)


def base(name: str) -> type[OwnLevels] | None:
    return OwnLevels if TRAITS[name].own_levels else None


GRIDS: list[type[OwnLevels]] = option_classes(__name__, ("spacing",), base)
globals().update({cls.__name__: cls for cls in GRIDS})  # so that instances can be pickled
