"""The rule for orders under options: exact where the law is, estimated from samples where it is not."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from benchbox.exact.convergence import measure_orders
from benchbox.exact.law import last
from benchbox.exact.law_rules import law_error
from benchbox.exact.order import SIGMAS, TOLERANCE
from benchbox.exact.rules import RuleResult, Trial, large_image, vector
from benchbox.registry import get

ESTIMATED_RUNGS = (8, 16, 32, 64)
"""Intervals of the runs from whose samples an order is estimated."""


def orders_hold(trial: Trial) -> RuleResult:
    """The claimed order on another grid than the recommended one: weak, or strong, or estimated from samples."""
    name, expected = f"order under options ({trial.schedule.name})", "the claimed order, under every option"
    if trial.sampler.order is None:
        return RuleResult(name, None, "it claims no order", expected)
    other = uneven(trial)
    checks = [order.check for order in measure_orders(other, "under options") if order.check]
    if not checks and not trial.adaptive:
        checks = [estimated_order(other)]
    for check in checks:
        if check.passed is False:
            return RuleResult(name, False, f"on grid {other.grid.name} {check.measured}", expected)
    measured = any(check.passed for check in checks)
    return RuleResult(name, measured or None, "as claimed" if measured else "not measurable", expected)


def uneven(trial: Trial) -> Trial:
    """The trial on a grid that is even neither in σ nor in ln σ, unless the method asks for equal steps."""
    grid = get("grid", "karras", sigma_min=SIGMAS[0], sigma_max=SIGMAS[1])
    other = replace(trial, grid=grid)
    try:
        last(other.states(6, model=vector()))
    except Exception:
        return trial
    return other


def estimated_order(trial: Trial) -> RuleResult:
    """The largest weak order that the 95 % intervals of the W2 errors of samples allow between two rungs.

    Undecided where an error may be 0.
    """
    errors = [law_error(trial, large_image(), n)[0] for n in ESTIMATED_RUNGS]
    order = max(math.log2(a.high / b.low) if b.low > 0 else math.inf for a, b in pairwise(errors))
    claim, values = trial.sampler.order or 1, ", ".join(f"{e.value:.2%}" for e in errors)
    measured = f"it claims order {claim} and has at most {order:.2f} (estimated): W2 errors {values}"
    passed = None if order == math.inf else order >= claim - TOLERANCE
    return RuleResult("weak order", passed, measured, f"the claimed order {claim}")
