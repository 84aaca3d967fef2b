"""The rules for guidances, and for a sampler under one: what it costs, that it is per sample, and the exact law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchbox.bench.truths import measure
from benchbox.denoiser import Denoiser
from benchbox.driver import check_jumps
from benchbox.errors import UsageError
from benchbox.exact.certificate import Certificate
from benchbox.exact.guided_order import law_and_order, levels
from benchbox.exact.rules import Rule, RuleResult, apply
from benchbox.guidance import Guidance, Guided
from benchbox.measurement import Measurements, pose
from benchbox.model import Model
from benchbox.options import describe
from benchbox.registry import get
from benchbox.sampler import Sampler

N = 12
GUIDANCE_SIGMAS = (60.0, 12.0, 1.7, 0.4, 0.05)


@dataclass(frozen=True)
class Subject:
    """A guidance and a model that can be guided so."""

    guidance: Guidance
    model: Model

    def denoiser(self, numbers: range = range(N)) -> Denoiser:
        made = Denoiser(self.model, torch.device("cpu"), torch.float64)
        made.pose(self.measurements)
        made.at(torch.tensor(numbers))
        return made

    @property
    def measurements(self) -> Measurements | None:
        """Of half of each sample, for a guidance that uses them."""
        if not self.guidance.uses_measurement:
            return None
        return measure(pose(get("problem", "inpaint"), self.model), self.model, 5, 0, "cpu", torch.float64)

    def answers(self, denoise: Denoiser, x: Tensor) -> list[Tensor]:
        """The guided D of one batch at each level, the noisiest first."""
        ask = Guided(self.guidance, denoise, levels(len(GUIDANCE_SIGMAS)))
        with torch.inference_mode():
            return [ask(x, sigma) for sigma in GUIDANCE_SIGMAS]


def start_states(model: Model) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(N, *model.shape, generator=generator, dtype=torch.float64)


def subject(guidance: Guidance) -> Subject:
    """With the mixture, or the guide of the guidance where it has one. UsageError where it cannot be guided so."""
    guide = getattr(guidance, "guide", None)
    model: Model = guide if isinstance(guide, Model) else get("model", "mixture")
    model = model if guidance.uses_measurement else model.conditioned()
    guidance.check(model)
    return Subject(guidance, model)


def counted(of: Subject) -> RuleResult:
    """Network evaluations against `cost`, at each level, and at the jumps of the guidance and just above."""
    denoise, x, wrong = of.denoiser(), start_states(of.model), []
    ask = Guided(of.guidance, denoise, levels(len(GUIDANCE_SIGMAS)))
    jumps = [sigma for jump in of.guidance.jumps for sigma in (jump, math.nextafter(jump, math.inf))]
    for sigma in sorted({*GUIDANCE_SIGMAS, *jumps}, reverse=True):
        before = denoise.evaluations
        with torch.inference_mode():
            ask(x, sigma)
        spent, cost = (denoise.evaluations - before) / N, of.guidance.cost(sigma)
        wrong += [f"{spent:g} at σ = {sigma:g}, where cost says {cost}"] if spent != cost else []
    return RuleResult("cost", not wrong, "; ".join(wrong) or "as counted", "cost(σ) is what the networks spend")


def per_sample(of: Subject) -> RuleResult:
    """A batch against its parts."""
    x = start_states(of.model)
    whole = of.answers(of.denoiser(), x)
    parts = [of.answers(of.denoiser(range(a, a + 4)), x[a : a + 4]) for a in range(0, N, 4)]
    off = max(
        float((one - torch.cat(pieces)).abs().max())
        for one, pieces in zip(whole, zip(*parts, strict=True), strict=True)
    )
    return RuleResult("batch", off <= tolerance(whole), f"D differs by {off:.1e} in other batches", "the same D")


def stateless(of: Subject) -> RuleResult:
    """The same batch a second time, by the same instance."""
    denoise, x = of.denoiser(), start_states(of.model)
    first, second = of.answers(denoise, x), of.answers(denoise, x)
    off = max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))
    return RuleResult(
        "state", off <= tolerance(first), f"D differs by {off:.1e} in a second batch", "no state between batches"
    )


def like_its_input(of: Subject) -> RuleResult:
    x = start_states(of.model)
    denoised = of.answers(of.denoiser(), x)
    ok = all(d.shape == x.shape and d.dtype == x.dtype and bool(torch.isfinite(d).all()) for d in denoised)
    return RuleResult(
        "output", ok, "finite, of x's shape and type" if ok else "not so", "finite, of x's shape and type"
    )


def tolerance(denoised: list[Tensor]) -> float:
    return 1e-9 * max(1.0, *(float(d.abs().max()) for d in denoised))


GUIDANCE_RULES: tuple[tuple[str, Rule], ...] = (
    ("cost", counted), ("batch", per_sample), ("state", stateless), ("output", like_its_input),
)  # fmt: skip


def guidance_certificate(guidance: Guidance) -> Certificate:
    """The rules alone."""
    return Certificate(guidance.name, describe(guidance), tuple(_rules(guidance)), kind="guidance")


def guided_certificate(sampler: Sampler, guidance: Guidance) -> Certificate:
    """A sampler under a guidance: the exact law and the order, where the law is known, and the guidance's rules."""
    check_jumps(sampler, get("model", "mixture"), guidance)
    sampler.check(get("model", "mixture"))
    name = f"{sampler.name} under {guidance.name}"
    checks = (*law_and_order(sampler, guidance), *_rules(guidance))
    return Certificate(name, describe(sampler) | describe(guidance), checks, kind="guidance")


def _rules(guidance: Guidance) -> Iterator[RuleResult]:
    try:
        of = subject(guidance)
    except UsageError as error:
        yield RuleResult("rules", None, f"nothing here to guide: {error}", "a model that can be guided so")
        return
    yield from apply(GUIDANCE_RULES, of)
