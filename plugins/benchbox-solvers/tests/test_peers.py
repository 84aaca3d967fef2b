"""Beside diffusers, on the same levels and draws, in float32: the state at the last level, before the last denoise.

`python tests/test_peers.py` prints the measured differences as the table of the README.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from toy import Draws, denoise, gap, states

diffusers = pytest.importorskip("diffusers")

BETAS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
LEVELS = 10
HOMES = {"DPMSolverSDEScheduler": "diffusers.schedulers.scheduling_dpmsolver_sde"}


@dataclass(frozen=True)
class Case:
    """Our sampler and options, their scheduler and config, and how it is run."""

    sampler: str
    options: dict[str, Any]
    peer: str
    config: dict[str, Any] = field(default_factory=dict)
    run: Callable[[Any, list[float], Draws, Case], Tensor] | None = None

    def __str__(self) -> str:
        return " ".join([self.sampler, *(f"{k}={v}" for k, v in self.options.items())])


def alpha(sigma: float) -> float:
    return 1 / math.sqrt(1 + sigma**2)


def eps(x: Tensor, sigma: float) -> Tensor:
    return (x - denoise(x, sigma)) / sigma


def scheduler(case: Case) -> Any:
    betas = {} if case.peer == "IPNDMScheduler" else BETAS
    # torchsde holds the Brownian tree alone, in whose place the test puts its own draws
    with mock.patch.dict(sys.modules, {"torchsde": ModuleType("torchsde")}):
        home = import_module(HOMES[case.peer]) if case.peer in HOMES else diffusers
    made = getattr(home, case.peer)(**betas, **case.config)
    made.set_timesteps(LEVELS)
    return made


def vp(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """One evaluation a step, the sample scaled by α."""
    y = noise() * sigmas[0] * alpha(sigmas[0])
    with mock.patch(f"{type(peer).__module__}.randn_tensor", side_effect=noise, create=True):
        for t, sigma in zip(peer.timesteps, sigmas[:-1], strict=False):
            y = peer.step(eps(y / alpha(sigma), sigma), t, y, return_dict=False)[0]
    return y / alpha(sigmas[-1])


def exploding(peer: Any, sigmas: list[float], noise: Draws, case: Case, **step: Any) -> Tensor:
    """One evaluation a step, the sample not scaled."""
    x = noise() * sigmas[0]
    with mock.patch(f"{type(peer).__module__}.randn_tensor", side_effect=noise, create=True):
        for t, sigma in zip(peer.timesteps, sigmas[:-1], strict=False):
            x = peer.step(eps(x, sigma), t, x, return_dict=False, **step)[0]
    return x


def lms(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    return exploding(peer, sigmas, noise, case, order=case.options["max_order"])


def two(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """Two evaluations a step, the second at the middle in ln σ of where the step goes."""
    x, times = noise() * sigmas[0], iter(peer.timesteps)
    with mock.patch(f"{type(peer).__module__}.randn_tensor", side_effect=noise, create=True):
        for sigma, sigma_next in pairwise(sigmas):
            down = sigma_next**2 / sigma if case.sampler == "dpm2-ancestral" else sigma_next
            for level in (sigma, math.sqrt(sigma * down)) if sigma_next else (sigma,):
                x = peer.step(eps(x, level), next(times), x, return_dict=False)[0]
    return x


def sde(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """As `two`, with the noise of the whole interval made of that of its halves, as ours is."""
    halves: list[Tensor] = []

    def sampler(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        if not halves:
            halves[:] = noise(), noise()
            return halves[0]
        a, b = float(sigma), float(sigma_next)
        whole = math.sqrt(b / (a + b)) * halves[0] + math.sqrt(a / (a + b)) * halves[1]
        halves.clear()
        return whole

    peer.noise_sampler = sampler
    return two(peer, sigmas, noise, case)


def between(sigmas: list[float], parts: int) -> list[float]:
    """Levels with all those that split each interval into parts equal in ln σ."""
    inner = [s * (t / s) ** (k / parts) for s, t in pairwise(sigmas) for k in range(parts)]
    return [*inner, sigmas[-1]]


def single(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """Their levels are ours and those in between, their step from one of ours to the next takes several calls."""
    k, positive = peer.config.solver_order, [s for s in sigmas if s]
    every = between(positive, k)
    peer.sigmas, peer.timesteps = torch.tensor([*every, 0.0]), torch.arange(len(every), 0, -1)
    peer.order_list = list(range(1, k + 1)) * len(sigmas)
    return vp(peer, every + sigmas[len(positive) :], noise, case)


def ipndm(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """Their levels are set as β = √(1 − ᾱ); what they call the output is v, for it is turned into ε with them."""
    peer.betas = torch.tensor([*(s * alpha(s) for s in sigmas), 0.0])
    peer.alphas = (1 - peer.betas**2).sqrt()
    y = noise() * sigmas[0] * alpha(sigmas[0])
    for t, s in zip(peer.timesteps, sigmas[:-1], strict=False):
        a = alpha(s)
        y = peer.step(a * eps(y / a, s) - s * a * denoise(y / a, s), t, y, return_dict=False)[0]
    return y / alpha(sigmas[-1])


def pndm(peer: Any, sigmas: list[float], noise: Draws, case: Case) -> Tensor:
    """The network is asked at their timesteps."""
    y = noise() * sigmas[0] * alpha(sigmas[0])
    calls = len(peer.timesteps) - (sigmas[-1] > 0)
    for t in peer.timesteps[:calls]:
        a = float(peer.alphas_cumprod[t].double().sqrt())
        s = math.sqrt(1 - a * a) / a
        y = peer.step(eps(y / a, s), int(t), y, return_dict=False)[0]
    return y / alpha(sigmas[-1])


def cases() -> Iterator[Case]:
    multistep, plus = "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}
    for kind in ("midpoint", "heun"):
        yield Case("dpm-solver++2m", {"solver_type": kind}, multistep, plus | {"solver_type": kind})
        yield Case("dpm-solver++3m", {"solver_type": kind}, multistep, plus | {"solver_type": kind, "solver_order": 3})
        noisy = {"algorithm_type": "sde-dpmsolver++", "solver_type": kind}
        yield Case("dpm-solver++2m-sde", {"solver_type": kind}, multistep, noisy)
    for hold, algorithm in (("eps", "sde-dpmsolver"), ("x0", "sde-dpmsolver++")):
        first = {"algorithm_type": algorithm, "solver_order": 1, "final_sigmas_type": "sigma_min"}
        yield Case("exponential-integrator", {"hold": hold}, multistep, first)
    for order in (1, 2, 3):
        for variant in ("bh1", "bh2"):
            config = {"solver_order": order, "solver_type": variant}
            yield Case("unipc", {"order": order, "variant": variant}, "UniPCMultistepScheduler", config)
        options = {"max_order": order, "variant": "logrho", "lower_order_final": True}
        yield Case("deis", options, "DEISMultistepScheduler", {"solver_order": order})
    for order in (1, 2):
        config = {"solver_order": order, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}
        yield Case("dpm-solver", {"order": order}, "DPMSolverSinglestepScheduler", config, single)
    yield Case("dpm-solver++2s", {}, "DPMSolverSinglestepScheduler", plus | {"solver_order": 2}, single)
    for order in (1, 2, 3, 4):
        yield Case("lms", {"max_order": order}, "LMSDiscreteScheduler", run=lms)
    yield Case("ipndm", {}, "IPNDMScheduler", run=ipndm)
    for skip in (False, True):
        config = {"skip_prk_steps": skip, "set_alpha_to_one": True}
        yield Case("pndm", {"skip_prk_steps": skip}, "PNDMScheduler", config, pndm)
    yield Case("euler-ancestral", {}, "EulerAncestralDiscreteScheduler", run=exploding)
    yield Case("dpm2", {}, "KDPM2DiscreteScheduler", run=two)
    yield Case("dpm2-ancestral", {}, "KDPM2AncestralDiscreteScheduler", run=two)
    yield Case("dpm-solver++sde", {}, "DPMSolverSDEScheduler", run=sde)
    for p, c in ((1, 2), (2, 2), (3, 3), (3, 4)):
        orders = {"predictor_order": p, "corrector_order": c}
        everywhere = {"tau": 0.8, "s_min": 0.0, "s_max": math.inf}
        yield Case("sa-solver", orders | everywhere, "SASolverScheduler", orders | {"tau_func": lambda t: 0.8})


def shared_levels(case: Case, peer: Any) -> list[float]:
    if case.peer == "IPNDMScheduler":
        return [80 * (1 - i / LEVELS) ** 3 + 0.01 for i in range(LEVELS)]
    if case.peer == "PNDMScheduler":
        abar = peer.alphas_cumprod.double()[torch.tensor(peer._timesteps[::-1].copy())]
        return ((1 - abar) / abar).sqrt().tolist()
    return list(dict.fromkeys(peer.sigmas.double().tolist()))[:LEVELS]


def difference(case: Case, end: bool = False) -> float:
    """Of the state at the last level, or of the end of the run (ours is D), relative to its largest value."""
    peer = scheduler(case)
    sigmas = shared_levels(case, peer)
    with torch.inference_mode():
        ours = states(case.sampler, sigmas, case.options, "ddpm" if case.sampler == "pndm" else "edm")[-1]
        theirs = (case.run or vp)(peer, [*sigmas, 0.0] if end else sigmas, Draws(), case)
    ours = denoise(ours, sigmas[-1]) if end else ours
    assert ours.dtype == theirs.dtype == torch.float32
    assert 0.5 < float(theirs.abs().max()) < 10
    return gap(ours, theirs)


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_same_samples(case: Case) -> None:
    assert difference(case) < 1e-4


ENDING = {
    "dpm-solver++2m", "dpm-solver++3m", "dpm-solver++2m-sde", "unipc", "dpm-solver++2s", "euler-ancestral", "dpm2",
    "dpm2-ancestral", "dpm-solver++sde",
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [c for c in cases() if c.sampler in ENDING and c.options.get("variant") != "bh1"], ids=str
)
def test_same_ends(case: Case) -> None:
    """Their last step, to σ = 0, is the driver's last denoise."""
    assert difference(case, end=True) < 1e-4


class TestDifferences:
    """What the README says that diffusers defines otherwise."""

    @pytest.mark.parametrize(
        ("case", "expected"),
        zip(
            [c for c in cases() if c.sampler in ("lms", "ipndm", "pndm")][1:],
            [1.7e-4, 2.3e-4, 2.5e-4, 0.12, 1.25e-2, 1.25e-2],
            strict=True,
        ),
        ids=str,
    )
    def test_the_last_step_extrapolates(self, case: Case, expected: float) -> None:
        """LMS of two points and more, iPNDM and PNDM step to σ = 0 with the extrapolated noise; ours ends with D."""
        assert difference(case) < 1e-4
        assert difference(case, end=True) == pytest.approx(expected, rel=0.05)

    def test_bh1_does_not_reach_zero(self) -> None:
        """B(h) = h is infinite in the step to σ = 0."""
        case = next(c for c in cases() if c.options.get("variant") == "bh1")
        peer = scheduler(case)
        assert not vp(peer, [*shared_levels(case, peer), 0.0], Draws(), case).isfinite().all()

    def test_singlestep_of_order_three(self) -> None:
        """Their second stage is the two-point rule ½ (e^h − 1), where the paper's algorithm 2 has the exact weight."""
        config = {"solver_order": 3, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}
        case = Case("dpm-solver", {"order": 3}, "DPMSolverSinglestepScheduler", config, single)
        assert difference(case) == pytest.approx(9.9e-4, rel=0.05)

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_sign_in_the_third_order_sde(self, sign: int) -> None:
        """k-diffusion's weight of the second difference is (1 − e^−H − H)/H² + ½, and ours; theirs has − ½."""
        config = {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "heun"}
        case = Case("dpm-solver++3m-sde", {}, "DPMSolverMultistepScheduler", config | {"lower_order_final": False})
        peer = scheduler(case)
        sigmas = shared_levels(case, peer)
        written = third_order_sde(sigmas, Draws(), sign)
        with torch.inference_mode():
            other = states(case.sampler, sigmas)[-1] if sign > 0 else vp(peer, sigmas, Draws(), case)
        assert gap(other, written) < 1e-4
        assert difference(case) == pytest.approx(0.8, rel=0.05)


def third_order_sde(sigmas: list[float], noise: Draws, sign: int) -> Tensor:
    """k-diffusion's sample_dpmpp_3m_sde at η = 1, coded again; sign is that of the ½ in the last weight."""
    x, past = noise() * sigmas[0], []
    lams = [-math.log(s) for s in sigmas]
    for i, (s, t) in enumerate(pairwise(sigmas)):
        h = lams[i + 1] - lams[i]
        past.append(denoise(x, s))
        e = math.exp(-2 * h)
        x = t / s * math.exp(-h) * x + (1 - e) * past[-1]
        slopes = [(a - b) / (lams[j + 1] - lams[j]) * h for j, (b, a) in enumerate(pairwise(past))]
        if i == 1:
            x = x + ((e - 1) / (2 * h) + 1) * slopes[-1]
        elif i > 1:
            r_0, r_1 = (lams[i] - lams[i - 1]) / h, (lams[i - 1] - lams[i - 2]) / h
            second = (slopes[-1] - slopes[-2]) / (r_0 + r_1)
            x = x + ((e - 1) / (2 * h) + 1) * (slopes[-1] + r_0 * second)
            x = x + ((1 - e - 2 * h) / (2 * h) ** 2 + sign * 0.5) * second
        x = x + t * math.sqrt(1 - e) * noise()
    return x


def table() -> str:
    rows = [f"| `{case}` | {case.peer} | {difference(case):.1e} |" for case in cases()]
    return "\n".join(["| sampler | diffusers | difference |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
    print(f"\ndiffusers {diffusers.__version__}, torch {torch.__version__}, {LEVELS} levels, float32, CPU")
