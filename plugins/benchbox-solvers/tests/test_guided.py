"""Under guidance: every budget is spent as planned, and the ODE solvers reach the exact law at their order."""

from __future__ import annotations

import pytest
from benchbox_solvers import benchbox_samplers

import benchbox
from benchbox import Sampler
from benchbox.exact.guided_budgets import Costless, wrong_budgets
from benchbox.exact.guided_order import draws, law_and_order
from benchbox.guidance import Guidance

INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}


def get(name: str, **options: object) -> Guidance:
    found: Guidance = benchbox.get("guidance", name, **options)
    return found


WHOLE = [get("cfg"), get("classifier"), get("autoguidance", guide=Costless())]
INSIDE = [get("cfg", **INTERVAL), get("autoguidance", guide=Costless(), **INTERVAL)]
SAMPLERS = [cls() for cls in benchbox_samplers()]


@pytest.mark.parametrize("guidances", [WHOLE, INSIDE], ids=["whole", "interval"])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.name)
def test_the_counter_agrees_with_the_plan_at_every_budget(sampler: Sampler, guidances: list[Guidance]) -> None:
    assert list(wrong_budgets(sampler, guidances, most=24)) == []


@pytest.mark.parametrize("guidance", [get("cfg", scale=3.0), get("cfg", scale=3.0, **INTERVAL), WHOLE[2]], ids=str)
@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if s.order and draws(s) == 1], ids=lambda s: s.name)
def test_the_law_under_guidance_is_reached_at_the_claimed_order(sampler: Sampler, guidance: Guidance) -> None:
    checks = list(law_and_order(sampler, guidance))
    assert [check.name for check in checks] == ["law", "order"]
    assert all(check.passed for check in checks), [str(check) for check in checks]
