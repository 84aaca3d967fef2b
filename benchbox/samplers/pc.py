"""Predictor–corrector sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class PC(Sampler):
    """Predictor–corrector (Song et al. 2021, arXiv:2011.13456, algorithms 1–3): on each interval, a step of the
    predictor, then Langevin steps at its end.

    predictor None is reverse diffusion, the VP form in a variance-preserving frame and the VE form elsewhere; any
    other sampler sees one interval at a time, in the frame, as if it were the whole run. The corrector's step follows
    the rule of `snr`, with the norms of each sample or with their expectation (`auto`: the latter below 16 dimensions,
    where the ratio of norms is heavy-tailed).
    """

    name = "pc"
    aliases = ("pc-langevin",)
    biased_by = ("snr",)
    predictor: Sampler | None = None
    corrector_steps: int = 1
    snr: float = 0.16
    norm: Literal["auto", "sample", "expected"] = "auto"
    frame: Schedule | None = None

    def __post_init__(self) -> None:
        if self.corrector_steps < 0 or self.snr <= 0:
            raise ValueError("corrector_steps must be at least 0 and snr above 0.")
        if self.predictor and self.predictor.evals_per_step is None:
            raise ValueError(f"the predictor must have a fixed cost, and {self.predictor.name} is adaptive.")

    @property
    def evals_per_step(self) -> int:
        return (1 if self.predictor is None else self.predictor.evals(2)) + self.corrector_steps

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        levels = grid.in_frame(self.frame)
        scales = levels.scales
        preserving = all(
            math.isclose((s * s) * (1 + sigma**2), 1, rel_tol=1e-6)
            for s, sigma in zip(scales, levels.sigmas, strict=True)
        )
        for i, (sigma, sigma_next) in enumerate(pairwise(levels.sigmas)):
            ratio = scales[i] / scales[i + 1] if preserving else 1.0  # √(1 − β)
            if self.predictor:
                *_, x = self.predictor(denoise, x, levels.interval(i), noise)
            else:
                x = self.reverse_diffusion(denoise, x, sigma, sigma_next, ratio, noise)
            alpha = 1.0 if self.predictor else ratio**2
            for _ in range(self.corrector_steps):
                x = self.langevin(denoise, x, sigma_next, alpha, noise)
            yield x

    @staticmethod
    def reverse_diffusion(
        denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float, ratio: float, noise: Noise
    ) -> Tensor:
        """VP: y ← (2 − √(1−β)) y + β score_y + √β z; VE (ratio 1): x ← x + (σ² − σ'²) score + √(σ² − σ'²) z."""
        variance = sigma**2 - sigma_next**2  # β/s² in the VP frame
        score = (denoise(x, sigma) - x) / sigma**2
        x = x.mul((2 - ratio) * ratio).add_(score, alpha=ratio * variance)
        return x.add_(noise(sigma, sigma_next), alpha=ratio * math.sqrt(variance))

    def langevin(self, denoise: Denoiser, x: Tensor, sigma: float, alpha: float, noise: Noise) -> Tensor:
        """x ← x + ε score + √(2ε) z, ε = 2α (snr ‖z‖/‖score‖)² (algorithms 4, 5); α = 1 − β after the VP predictor."""
        z = noise(sigma, sigma)
        score = (denoise(x, sigma) - x) / sigma**2
        if self.norm == "expected" or (self.norm == "auto" and x[0:1].numel() < 16):
            epsilon = 2 * alpha * (self.snr * sigma) ** 2
            return x.add(score, alpha=epsilon).add_(z, alpha=math.sqrt(2 * epsilon))
        epsilons = 2 * alpha * (self.snr * norms(z) / norms(score)) ** 2
        return x + epsilons * score + (2 * epsilons).sqrt() * z


def norms(x: Tensor) -> Tensor:
    """The norm of each sample, shaped to broadcast with x."""
    return x.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1))
