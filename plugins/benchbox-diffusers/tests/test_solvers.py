"""benchbox-solvers beside diffusers, both through benchbox: the state at the last of the same levels, same noise."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import levels, noise, run

import benchbox
from benchbox.registry import registry

Options = dict[str, Any]
CASES: list[tuple[str, Options, str, Options]] = [
    ("dpm-solver++2m", {}, "DPMSolverMultistepScheduler", {}),
    (
        "dpm-solver++3m",
        {"solver_type": "midpoint", "lower_order_final": False},
        "DPMSolverMultistepScheduler",
        {"solver_order": 3},
    ),
    ("dpm-solver++2m-sde", {}, "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    ("deis", {"max_order": 2, "variant": "logrho"}, "DEISMultistepScheduler", {}),
    ("deis", {"max_order": 3, "variant": "logrho"}, "DEISMultistepScheduler", {"solver_order": 3}),
    ("unipc", {"order": 2}, "UniPCMultistepScheduler", {}),
    ("unipc", {"order": 3, "variant": "bh1"}, "UniPCMultistepScheduler", {"solver_order": 3, "solver_type": "bh1"}),
    ("lms", {}, "LMSDiscreteScheduler", {}),
    ("ipndm", {}, "IPNDMScheduler", {}),
    ("pndm", {}, "PNDMScheduler", {}),
    ("pndm", {"skip_prk_steps": True}, "PNDMScheduler", {"skip_prk_steps": True}),
    ("euler-ancestral", {}, "EulerAncestralDiscreteScheduler", {}),
    ("dpm2", {}, "KDPM2DiscreteScheduler", {}),
    ("dpm2-ancestral", {}, "KDPM2AncestralDiscreteScheduler", {}),
]


@pytest.mark.parametrize(("ours", "our_options", "theirs", "options"), CASES)
@pytest.mark.parametrize("grid", ["karras", "trailing"])
def test_same_samples(grid: str, ours: str, our_options: Options, theirs: str, options: Options) -> None:
    if not registry().matches("sampler", ours):
        pytest.skip("benchbox-solvers is not installed")
    # beyond 15 levels diffusers does not lower the order at the end
    cut, last = levels(grid, 20), []
    for name, chosen in ((ours, our_options), (f"diffusers:{theirs}", options)):
        last.append(run(benchbox.get("sampler", name, **chosen), cut, noise(), final="none")[0])
    assert float((last[0] - last[1]).abs().max() / last[1].abs().max()) < 1e-4
