"""Under guidance every scheduler spends what is planned for a budget; all budgets to 60 with -m ''."""

from __future__ import annotations

import pytest
from benchbox_diffusers.samplers import SAMPLERS
from benchbox_diffusers.traits import TRAITS

import benchbox
from benchbox.exact.guided_budgets import Costless, wrong_budgets
from benchbox.guidance import Guidance

INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}


def get(name: str, **options: object) -> Guidance:
    found: Guidance = benchbox.get("guidance", name, **options)
    return found


GUIDANCES = {
    "whole": [get("cfg"), get("classifier"), get("autoguidance", guide=Costless())],
    "interval": [get("cfg", **INTERVAL), get("autoguidance", guide=Costless(), **INTERVAL)],
}


@pytest.mark.parametrize("most", [12, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("guidances", GUIDANCES)
@pytest.mark.parametrize("cls", [cls for cls in SAMPLERS if not TRAITS[cls.scheduler].needs], ids=lambda cls: cls.name)
def test_the_counter_agrees_with_the_plan_at_every_budget(cls: type, guidances: str, most: int) -> None:
    assert list(wrong_budgets(cls(), GUIDANCES[guidances], most)) == []
