"""The schedulers as samplers: all of them, their options, their cost, their noise, and the right samples."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path

import diffusers
import diffusers.schedulers
import pytest
import torch
from benchbox_diffusers.build import Brownian, make
from benchbox_diffusers.options import table
from benchbox_diffusers.samplers import SAMPLERS
from benchbox_diffusers.survey import survey
from benchbox_diffusers.traits import ALL, FEW_STEPS, LEFT_OUT, TRAITS
from conftest import levels, noise, run

import benchbox
from benchbox import Levels, Sampler
from benchbox.bench.sweep import Request, expand
from benchbox.driver import plan_levels
from benchbox.errors import UsageError

NAMES = [cls.name for cls in SAMPLERS]
DRAWS = {
    "CosineDPMSolverMultistepScheduler": 1, "DDPMParallelScheduler": 1, "DDPMScheduler": 1, "DPMSolverSDEScheduler": 2,
    "EulerAncestralDiscreteScheduler": 1, "KDPM2AncestralDiscreteScheduler": 1, "LTXEulerAncestralRFScheduler": 1,
    "UnCLIPScheduler": 1,
}  # fmt: skip
"""Draws per interval of those that draw with their usual options."""


def get(name: str, **options: object) -> Sampler:
    found: Sampler = benchbox.get("sampler", f"diffusers:{name}", **options)
    return found


class TestTable:
    def test_nothing_heavy_is_imported_to_list(self) -> None:
        code = "import sys, benchbox_diffusers; print(*{'torch', 'diffusers', 'scipy'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []

    def test_it_is_what_diffusers_has(self) -> None:
        """`python -m benchbox_diffusers.survey` writes it anew."""
        assert survey() == {name: table()[name] for name in TRAITS}

    def test_every_scheduler_is_offered_or_left_out_for_a_reason(self) -> None:
        names = {n for part in diffusers.schedulers._import_structure.values() for n in part} | set(dir(diffusers))
        schedulers = {name for name in names if name.endswith("Scheduler")}
        assert schedulers == ALL.keys() | LEFT_OUT.keys() | set(FEW_STEPS)
        assert not ALL.keys() & LEFT_OUT.keys()
        readme = (Path(__file__).parents[1] / "README.md").read_text()
        assert [name for name in schedulers if f"`{name}`" not in readme] == []

    @pytest.mark.parametrize("name", [n for n, t in ALL.items() if t.needs])
    def test_what_needs_another_package_is_there_with_it_alone(self, name: str) -> None:
        assert (f"diffusers:{name}" in NAMES) != ALL[name].missing
        if ALL[name].missing:
            pytest.skip(f"{name} needs {ALL[name].needs}, which is not installed")

    def test_options_that_break_diffusers_are_refused(self) -> None:
        with pytest.raises(UsageError, match=r"algorithm_type=sde-dpmsolver with solver_order=3\.$"):
            get("DPMSolverMultistepScheduler", algorithm_type="sde-dpmsolver", solver_order="3")

    @pytest.mark.parametrize("name", [n for n in TRAITS if "thresholding" in table()[n]["solver"]])
    def test_thresholding_takes_samples_of_any_shape(self, name: str) -> None:
        """It is over all numbers of a sample, so their shape must not matter; an image is as in diffusers."""
        options = {"thresholding": True, "sample_max_value": 5.0}
        peer, ours = getattr(diffusers, name)(**options), make(name, options)
        x = 4 * torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        expected = peer._threshold_sample(x)
        assert not torch.equal(expected, x)
        for shape in ((3, 2, 4, 4), (3, 2, 16), (3, 32)):
            assert torch.equal(ours._threshold_sample(x.reshape(shape)), expected.reshape(shape))

    def test_instances_can_be_sent_to_a_worker(self) -> None:
        sampler = get("DPMSolverMultistepScheduler", solver_order=3)
        assert pickle.loads(pickle.dumps(sampler)) == sampler


class TestCost:
    @pytest.mark.parametrize("name", NAMES)
    def test_evaluations_are_counted_as_planned(self, name: str) -> None:
        variants: list[dict[str, object]] = [{}]
        variants += [{"skip_prk_steps": True}] if name == "diffusers:PNDMScheduler" else []
        variants += [{"correct_steps": 0}, {"correct_steps": 3}] if "ScoreSde" in name else []
        for options in variants:
            sampler = benchbox.get("sampler", name, **options)
            for n in (1, 2, 3, 4, 5, 6, 9):
                x, spent = run(sampler, levels("uniform", n), noise(2))
                assert spent == sampler.evals(n) + 1, (n, options)
                # over 157 to 0.01 in one step, its own float32 gives the root of a negative number
                assert bool(x.isfinite().all()) or ("KDPM2Ancestral" in name and n == 2), (n, options)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_budget_buys_all_that_fits(self, name: str) -> None:
        sampler = benchbox.get("sampler", name)
        for nfe in range(1, 40):
            n = plan_levels(sampler, nfe)
            assert n == 0 or sampler.evals(n) + 1 <= nfe
            assert sampler.evals(n + 1) + 1 > nfe

    def test_where_pndm_has_no_levels_of_its_own_the_cell_is_skipped_and_says_why(self) -> None:
        few, many = expand(Request(["diffusers:PNDMScheduler"], [10, 20], ["gaussian"]))
        reason = "ValueError: there are too few training steps for the first Runge–Kutta steps of the scheduler"
        assert few.skip == f"grid diffusers:PNDMScheduler gives no 3 levels: {reason}"
        assert (few.n_levels, many.skip) == (3, None)

    @pytest.mark.parametrize("name", ["DDIMScheduler", "UniPCMultistepScheduler", "EulerDiscreteScheduler"])
    def test_the_training_steps_of_edm_are_those_of_vp(self, name: str) -> None:
        """Its time is σ in another unit, and equal steps of σ are nobody's choice."""
        grid = benchbox.get("grid", f"diffusers:{name}", sigma_min=0.01, sigma_max=80.0)
        edm, vp = (Levels.cut(benchbox.get("schedule", s), grid, 10).sigmas for s in ("edm", "vp"))
        assert edm == pytest.approx(vp, rel=1e-4)
        assert edm[5] < 4


class TestNoise:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_draws_what_it_uses_from_us_alone(self, name: str) -> None:
        source, before = noise(2), torch.get_rng_state()
        run(benchbox.get("sampler", name), levels("uniform", 6), source)
        scheduler = name.partition(":")[2]
        if scheduler == "SASolverScheduler":
            return  # below
        per_interval = 2 if scheduler == "ScoreSdeVeScheduler" else DRAWS.get(scheduler, 0)
        assert source.draws == 1 + 5 * per_interval + (scheduler == "ScoreSdeVeScheduler")
        assert torch.equal(before, torch.get_rng_state())

    def test_sa_solver_draws_on_its_middle_steps_alone(self) -> None:
        """It adds noise at the training steps 200 to 800 of a thousand: 4 of these 9 intervals start there."""
        source = noise(2)
        cut = levels("trailing", 10)
        run(get("SASolverScheduler"), cut, source)
        inside = [t for t in cut.times[:-1] if 200 <= round(1000 * t) - 1 <= 800]
        assert source.draws == 1 + len(inside) == 7

    @pytest.mark.parametrize(("name", "options"), [
        ("DDIMScheduler", {"eta": 0.5}),
        ("EulerDiscreteScheduler", {"s_churn": 10.0}),
        ("EDMEulerScheduler", {"s_churn": 10.0}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("EDMDPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}),
    ])  # fmt: skip
    def test_options_that_add_noise(self, name: str, options: dict[str, object]) -> None:
        source = noise(2)
        run(get(name, **options), levels("uniform", 6), source)
        assert source.draws == 1 + 5

    def test_diffusers_is_left_as_it_was(self) -> None:
        from diffusers.schedulers import scheduling_ddpm
        from diffusers.utils.torch_utils import randn_tensor

        step = diffusers.DDPMScheduler.step
        run(get("DDPMScheduler"), levels("uniform", 4), noise(2))
        assert scheduling_ddpm.randn_tensor is randn_tensor
        assert diffusers.DDPMScheduler.step is step

    def test_brownian_increments_add_up(self) -> None:
        brownian = Brownian(noise(4000))
        part, whole, after = brownian(4.0, 3.0), brownian(4.0, 2.0), brownian(2.0, 1.0)
        pair = torch.stack([part.flatten(), whole.flatten(), after.flatten()])
        expected = torch.tensor([[1, math.sqrt(0.5), 0], [math.sqrt(0.5), 1, 0], [0, 0, 1]])
        assert torch.allclose(torch.corrcoef(pair), expected, atol=0.03)
        assert torch.allclose(pair.std(1), torch.ones(3), atol=0.03)


def distance(x: torch.Tensor) -> float:
    """W2 of the Gaussian fitted to samples to the exact one, per axis, over the root of the exact trace."""
    mean, root = (torch.as_tensor(part).float() for part in benchbox.get("model", "gaussian").gaussian_law())
    std = (root @ root.mT).diagonal().sqrt()
    x = x.flatten(1)
    return float(((x.mean(0) - mean) ** 2 + (x.std(0) - std) ** 2).sum().sqrt() / std.norm())


@pytest.mark.parametrize("name", NAMES)
def test_right_samples(name: str) -> None:
    """Mean and spread of 2,000 samples at 61 evaluations; 2,000 draws of the data come within 0.015."""
    # Score-SDE's predictor needs many steps; its corrector's norms, of four numbers each, spoil the law
    nfe, options = (301, {"correct_steps": 0}) if "ScoreSde" in name else (61, {})
    x = benchbox.sample(name, model="gaussian", nfe=nfe, n=2000, batch_size=2000, grid="karras", **options)
    assert distance(x) < 0.08


def peers() -> list[tuple[str, dict[str, object], str, dict[str, object]]]:
    """Our sampler and theirs where both are the same thing."""
    small, sde = {"variance": "small"}, {"solver_order": 1, "algorithm_type": "sde-dpmsolver++"}
    return [
        ("ddim", {}, "DDIMScheduler", {}),
        ("ddim", {"eta": 0.5}, "DDIMScheduler", {"eta": 0.5}),
        ("ddim", {"eta": 1.0}, "DDIMParallelScheduler", {"eta": 1.0}),
        ("ddim", {}, "CogVideoXDDIMScheduler", {}),
        ("ddim", {}, "EulerDiscreteScheduler", {}),
        ("ddim", {}, "EDMEulerScheduler", {}),
        ("ddim", {}, "FlowMatchEulerDiscreteScheduler", {}),
        ("ddim", {}, "MiniMaxH3Scheduler", {}),
        ("ddim", {}, "DPMSolverMultistepScheduler", {"solver_order": 1}),
        ("ddim", {}, "DPMSolverMultistepScheduler", {"solver_order": 1, "algorithm_type": "dpmsolver"}),
        ("ddim", {}, "DPMSolverSinglestepScheduler", {"solver_order": 1}),
        ("ddim", {}, "EDMDPMSolverMultistepScheduler", {"solver_order": 1}),
        ("ddim", {}, "DEISMultistepScheduler", {"solver_order": 1}),
        ("ddim", {}, "LMSDiscreteScheduler", {"lms_order": 1}),
        ("ancestral", small, "DDPMScheduler", {}),
        ("ancestral", small, "DDPMParallelScheduler", {"variance_type": "fixed_small_log"}),
        ("ancestral", {"variance": "large", "frame": "ddpm"}, "DDPMScheduler", {"variance_type": "fixed_large"}),
        ("ancestral", small, "UnCLIPScheduler", {}),
        ("ancestral", small, "EulerAncestralDiscreteScheduler", {}),
        ("ancestral", small, "DPMSolverMultistepScheduler", sde),
        ("ancestral", small, "DPMSolverSinglestepScheduler", sde),
        ("heun", {}, "HeunDiscreteScheduler", {}),
    ]


@pytest.mark.parametrize(("ours", "our_options", "theirs", "options"), peers())
@pytest.mark.parametrize("grid", ["karras", "trailing", "diffusers:DDPMScheduler"])
def test_same_samples_as_ours(
    grid: str, ours: str, our_options: dict[str, object], theirs: str, options: dict[str, object]
) -> None:
    """float32, the same levels and noise, 12 levels of the ddpm schedule."""
    cut: Levels = levels(grid, 12)
    a, _ = run(benchbox.get("sampler", ours, **our_options), cut, noise())
    b, _ = run(get(theirs, **options), cut, noise())
    assert float((a - b).abs().max() / a.abs().max()) < 1e-4
