"""Training losses.

Every loss is a weighted regression E[w(σ) ‖F(y, t) − target‖²] with y = s (x_0 + σ n). The losses differ in the law of
the level and in the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchbox.model import Prediction
from benchbox.options import describe
from benchbox.prediction import edm_coefficients
from benchbox.schedule import Schedule
from benchbox.training.hybrid import VLB_WEIGHT, variational_loss

OPTIONS_OF: dict[str, tuple[str, ...]] = {"edm": ("p_mean", "p_std"), "score": ("ladder",)}
"""Options of the loss, by prediction."""


class TrainingLoss(Protocol):
    """What the training loop asks of a loss."""

    @property
    def identity(self) -> dict[str, Any]:
        """All its settings, as JSON values."""

    def __call__(self, *batch: Any, **conditions: Any) -> Tensor:
        """The mean loss of a batch: (network, x0, generator), x0 (batch, *shape) in [−1, 1]; or as its trainer says."""


def stratified(n: int, generator: torch.Generator) -> Tensor:
    """n stratified random numbers in (0, 1), so that every batch covers all levels (Kingma et al. 2021, I.1)."""
    strata = torch.arange(n, device=generator.device, dtype=torch.float64)
    jitter = torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
    return ((strata + jitter) / n).clamp(1e-9, 1 - 1e-9)


@dataclass(frozen=True)
class Loss:
    """The loss of one prediction on one schedule.

    eps: Ho et al. 2020, eq. 14 · x0, v: Salimans & Ho 2022, §4 · score: denoising score matching over a geometric
    ladder of `ladder` levels, weight σ² (Song & Ermon 2019, eq. 5–6) · edm: Karras et al. 2022, table 1, with
    ln σ ~ N(p_mean, p_std²) · flow: Lipman et al. 2023, eq. 23. learned_variance: the hybrid loss, of a network that
    gives the variance after its prediction (Nichol & Dhariwal 2021, §3.1).
    """

    prediction: Prediction
    schedule: Schedule
    sigma_data: float
    ladder: int = 1000
    p_mean: float = -1.2
    p_std: float = 1.2
    learned_variance: bool = False

    @property
    def options(self) -> dict[str, float]:
        """The options that the loss of this prediction uses."""
        return {name: getattr(self, name) for name in OPTIONS_OF.get(self.prediction, ())}

    @property
    def identity(self) -> dict[str, Any]:
        variance = {"learned_variance": True} if self.learned_variance else {}
        schedule = {"schedule": self.schedule.name} | {f"schedule.{k}": v for k, v in describe(self.schedule).items()}
        return {"prediction": self.prediction, "sigma_data": self.sigma_data, **self.options, **schedule, **variance}

    def levels(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """n stratified random levels as (network time, s, σ): float32; time int64 on a discrete schedule."""
        device, steps = generator.device, self.schedule.steps
        u = stratified(n, generator)
        if self.prediction == "edm":
            sigma = (self.p_mean + self.p_std * torch.special.ndtri(u)).exp().float()
            return 0.25 * sigma.log(), torch.ones_like(sigma), sigma
        if steps is not None:
            k = (u * steps).long()
            t = (k.cpu().numpy() + 1) / steps
            return k, self._tensor(self.schedule.scale(t), device), self._tensor(self.schedule.sigma(t), device)
        first, last = self.schedule.t_min, self.schedule.t_max
        if self.prediction == "score":
            rung = (u * self.ladder).long().cpu().numpy()
            ratio = float(self.schedule.sigma(last)) / float(self.schedule.sigma(first))
            t = np.asarray(self.schedule.time(self.schedule.sigma(first) * ratio ** (rung / (self.ladder - 1))))
        else:
            t = first + (last - first) * u.cpu().numpy()
        return (
            self._tensor(t, device),
            self._tensor(self.schedule.scale(t), device),
            self._tensor(self.schedule.sigma(t), device),
        )

    @staticmethod
    def _tensor(values: object, device: torch.device) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

    def __call__(self, network: nn.Module, x0: Tensor, generator: torch.Generator, **conditions: Tensor) -> Tensor:
        """The mean loss of one batch x0 (batch, *shape) in [−1, 1]."""
        t, s, sigma = self.levels(len(x0), generator)
        s, sigma = (a.view(-1, *[1] * (x0.ndim - 1)) for a in (s, sigma))
        noise = torch.randn(x0.shape, generator=generator, device=x0.device)
        x = x0 + sigma * noise
        if self.prediction == "edm":
            c_skip, c_out, c_in = edm_coefficients(sigma, self.sigma_data)
            return (network(c_in * x, t, **conditions).float() - (x0 - c_skip * x) / c_out).square().mean()
        out = network(s * x, t, **conditions).float()
        if self.learned_variance:
            out, variance = out.chunk(2, dim=1)
        match self.prediction:
            case "eps":
                target, denoised = noise, x - sigma * out
            case "x0":
                target, denoised = x0, out
            case "v":
                target, denoised = s * noise - s * sigma * x0, s**2 * x - s * sigma * out
            case "flow":
                target = noise - x0
            case "score":
                target, out = -noise, s * sigma * out
        simple = (out - target).square().mean()
        if not self.learned_variance:
            return simple
        return simple + VLB_WEIGHT * variational_loss(self.schedule, t, x0, denoised.detach(), (variance + 1) / 2)
