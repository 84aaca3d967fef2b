"""Training losses.

Every loss is a weighted regression E[w(σ) ‖F(y, t) − target‖²] with y = s (x_0 + σ n). The losses differ in the law of
the level and in the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchbox.denoiser import edm_coefficients
from benchbox.model import Prediction
from benchbox.schedule import Schedule

OPTIONS_OF: dict[str, tuple[str, ...]] = {"edm": ("p_mean", "p_std"), "score": ("ladder",)}
"""Options of the loss, by prediction."""


@dataclass(frozen=True)
class Loss:
    """The loss of one prediction on one schedule.

    eps: Ho et al. 2020, eq. 14 · x0, v: Salimans & Ho 2022, §4 · score: denoising score matching over a geometric
    ladder of `ladder` levels, weight σ² (Song & Ermon 2019, eq. 5–6) · edm: Karras et al. 2022, table 1, with
    ln σ ~ N(p_mean, p_std²) · flow: Lipman et al. 2023, eq. 23.
    """

    prediction: Prediction
    schedule: Schedule
    sigma_data: float
    ladder: int = 1000
    p_mean: float = -1.2
    p_std: float = 1.2

    @property
    def options(self) -> dict[str, float]:
        """The options that the loss of this prediction uses."""
        return {name: getattr(self, name) for name in OPTIONS_OF.get(self.prediction, ())}

    @staticmethod
    def uniform(n: int, generator: torch.Generator) -> Tensor:
        """n stratified random numbers in (0, 1), so that every batch covers all levels (Kingma et al. 2021, I.1)."""
        strata = torch.arange(n, device=generator.device, dtype=torch.float64)
        jitter = torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
        return ((strata + jitter) / n).clamp(1e-9, 1 - 1e-9)

    def levels(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """n stratified random levels as (network time, s, σ): float32; time int64 on a discrete schedule."""
        device, steps = generator.device, self.schedule.steps
        u = self.uniform(n, generator)
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
        match self.prediction:
            case "eps":
                target = noise
            case "x0":
                target = x0
            case "v":
                target = s * noise - s * sigma * x0
            case "flow":
                target = noise - x0
            case "score":
                target, out = -noise, s * sigma * out
        return (out - target).square().mean()
