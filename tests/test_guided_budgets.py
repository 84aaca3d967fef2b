"""The counter agrees with the plan under guidance: every built-in sampler and guidance, every budget to 60."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import benchbox
from benchbox.bench.budget import GuidedBudgets
from benchbox.denoiser import Denoiser
from benchbox.exact.guided_budgets import Costless, wrong_budgets
from benchbox.guidance import Guidance
from benchbox.guidances.cfg import CFG
from benchbox.registry import registry

INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}
WHOLE = [CFG(2.0), benchbox.get("guidance", "classifier"), benchbox.get("guidance", "autoguidance", guide=Costless())]
INSIDE = [CFG(2.0, **INTERVAL), benchbox.get("guidance", "autoguidance", guide=Costless(), **INTERVAL)]


def fixed_samplers() -> list[str]:
    samplers = {name: benchbox.get("sampler", name) for name in registry().names("sampler")}
    unguided = {name for name, s in samplers.items() if s.uses_measurement or s.uses_jumps}
    return [name for name, s in samplers.items() if s.evals_per_step is not None and name not in unguided]


@pytest.mark.parametrize("guidances", [WHOLE, INSIDE], ids=["whole", "interval"])
@pytest.mark.parametrize("name", [*fixed_samplers(), "ode-rk4"])
def test_the_counter_agrees_with_the_plan_at_every_budget(name: str, guidances: list[Guidance]) -> None:
    sampler = benchbox.get("sampler", "ode", method="rk4") if name == "ode-rk4" else benchbox.get("sampler", name)
    assert list(wrong_budgets(sampler, guidances)) == []


class Undercounted(CFG):
    def cost(self, sigma: float) -> int:
        return 1


def test_a_guidance_that_costs_more_than_it_says_is_found() -> None:
    wrong = list(wrong_budgets(benchbox.get("sampler", "ddim"), [Undercounted()], 4))
    assert wrong[0].startswith("ddim under cfg, budget 1 of the network: (1, 1) planned and (2.0, 1.0) spent")
    assert len(wrong) == 8


@pytest.mark.parametrize("name", ["heun", "annealed-langevin"])
def test_no_budget_below_the_least_buys_a_run_and_one_level_more_would_exceed_it(name: str) -> None:
    sampler, grid = benchbox.get("sampler", name), benchbox.get("grid", "karras")
    for guidance in (WHOLE[0], INSIDE[0]):
        network = GuidedBudgets(sampler, guidance, Costless(), benchbox.get("schedule", "edm"), grid, "denoise")
        for budgets in (network, replace(network, nfe_of="denoiser")):
            assert budgets.levels(budgets.least() - 1) == 0
            assert all(budgets.cost(budgets.levels(nfe) + 1) > nfe for nfe in range(budgets.least(), 61))


def test_the_fake_network_is_asked_with_and_without_its_condition() -> None:
    denoise: Any = Denoiser(Costless(), torch.device("cpu"))
    denoise.at(torch.arange(2))
    denoise.both(torch.ones(2, 2), 1.0)
    assert denoise.rows == 4
