"""Local errors of samplers that draw nothing: one interval of a run on the mixture against the exact solution.

A method of order p has errors of order p + 1 in the interval, but a multistep method starts with few points, may end
with few, and may correct a state one interval later: the first and the last interval need order 2 alone.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import accumulate, islice, pairwise, product

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.law import Scripted
from benchbox.exact.noise_rules import deterministic
from benchbox.exact.order import TOLERANCE
from benchbox.exact.refusal import is_refusal
from benchbox.exact.rules import RuleResult, Trial, counted_denoiser
from benchbox.grid import Levels
from benchbox.models.mixture import Mixture
from benchbox.registry import get
from benchbox.sampler import rk4
from benchbox.schedule import Schedule

INTERVAL_STARTS = (4.1, 0.93)
"""Levels at which the interval that is looked at starts: among the modes of the mixture, and within them."""

ALTERNATING = (1.0, 1.6, 0.8, 1.3, 1.7, 0.7, 1.2, 1.5, 0.9, 1.4)
"""Relative lengths in ln σ of the intervals of a run, which alternate."""

FIRST_PLACE, MIDDLE_PLACE, LAST_PLACE = 0, 6, len(ALTERNATING) - 1
"""Intervals that are looked at. In the middle a method of four points has started, and has not begun to end."""

UNIT_LENGTHS = (0.16, 0.08, 0.04, 0.02, 0.01)
"""The unit of the lengths, from run to run."""

SINGLE_PRECISION = 1e-6
"""Where an error is smaller than this the runs end: some samplers compute their coefficients in float32."""

STALLED = 1.25
"""An order below this is that of an error that falls no more."""


class DrawnUpon(Exception):
    """A draw from a source that has no noise."""


@cache
def mixture_start() -> tuple[Mixture, Tensor, Tensor]:
    """The model, and data and noise of 32 samples."""
    model = get("model", "mixture")
    z = torch.randn(32, *model.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return model, model.draw(32, 0), z


def local_orders(trial: Trial) -> RuleResult:
    """The order of the error of one interval on levels that alternate, or else on levels that change smoothly.

    On the second, weights for equal steps keep their order, because neighbouring steps become equal.
    """
    name = f"local order ({trial.schedule.name})"
    claim = trial.sampler.order or 1
    expected = f"an error of one interval of order {claim + 1} in its length"
    if trial.adaptive or not deterministic(trial):
        return RuleResult(name, None, "it draws noise, or chooses its steps", expected)
    fault = ""
    for alternating, where in ((True, "levels that alternate"), (False, "levels that change smoothly")):
        try:
            least, fault = least_order(trial, claim, alternating)
        except Exception as error:
            if not isinstance(error, DrawnUpon) and not is_refusal(error):
                raise
            return RuleResult(name, None, "it draws noise at some levels, or refuses uneven ones", expected)
        if not fault:
            order = f"least order {least:.2f}" if least < math.inf else "exact to rounding"
            return RuleResult(name, True, f"{order} on {where}", expected)
    return RuleResult(name, False, fault, expected)


def least_order(trial: Trial, claim: int, alternating: bool) -> tuple[float, str]:
    """The least order of an interval in the middle, and what is wrong with one of the intervals, or nothing."""
    least = math.inf
    for start, place in product(INTERVAL_STARTS, (MIDDLE_PLACE, FIRST_PLACE, LAST_PLACE)):
        needed = claim + 1 if place == MIDDLE_PLACE else 2
        order, error = interval_order(trial, start, place, alternating)
        if not order >= needed - TOLERANCE:
            where = f"in interval {place + 1} of {len(ALTERNATING)}, from σ = {start:g}"
            return order, f"{where}, the error is {error:.1e}, of order {order:.2f}"
        least = min(least, order) if place == MIDDLE_PLACE else least
    return least, ""


def interval_order(trial: Trial, start: float, place: int, alternating: bool) -> tuple[float, float]:
    """The order of the error of one interval, and the last error; infinite where that is rounding.

    Where the error falls no more, coefficients are rounded, and the order is the best one before.
    """
    errors = list[float]()
    for length in UNIT_LENGTHS:
        levels = uneven_levels(trial.schedule, start, place, length, alternating)
        errors.append(interval_error(trial, levels, place))
        if errors[-1] < SINGLE_PRECISION and len(errors) > 1:
            break
    orders = [math.log2(a / b) if min(a, b) > 1e-12 else math.inf for a, b in pairwise(errors)]
    return orders[-1] if orders[-1] > STALLED else max(orders), errors[-1]


def interval_error(trial: Trial, levels: Levels, place: int) -> float:
    """The root mean square distance of the end of an interval from the exact solution from its start."""
    model, data, z = mixture_start()
    denoise = counted_denoiser(model)
    first, start, end = (levels.sigmas[i] for i in (0, place, place + 1))
    x = exact_flow(denoise, data + start * z, start, first) / levels.start_std
    states = trajectory(trial.sampler, denoise, levels, Scripted(lambda k: _start_alone(k, x)), "none")
    before, after = islice(states, place, place + 2)
    return float((after - exact_flow(denoise, before, start, end)).square().mean().sqrt())


def _start_alone(k: int, x: Tensor) -> Tensor:
    if k:
        raise DrawnUpon
    return x.clone()


def uneven_levels(schedule: Schedule, start: float, place: int, length: float, alternating: bool) -> Levels:
    """Levels with `start` in a place, whose intervals alternate in length, or grow smoothly."""
    lengths = ALTERNATING if alternating else [1 + length * i for i in range(len(ALTERNATING))]
    logs = list(accumulate(lengths, initial=0.0))
    times = [float(schedule.time(start * math.exp(-length * (v - logs[place])))) for v in logs]
    return Levels(schedule, tuple(times), tuple(float(schedule.sigma(t)) for t in times))


def exact_flow(denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """The probability-flow ODE dx/d ln σ = x − D, by four steps of Kutta's method."""
    logs = [math.log(sigma) + k / 4 * math.log(sigma_next / sigma) for k in range(5)]
    with torch.inference_mode():
        for u, v in pairwise(logs):
            x = rk4(lambda u, y: y - denoise(y, math.exp(u)), x, u, v)
    return x
