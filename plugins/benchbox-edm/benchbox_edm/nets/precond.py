"""Preconditioning of a network F: D(x, σ) = c_skip x + c_out F(c_in x; c_noise) (Karras et al. 2022, table 1)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

Coefficients = tuple[Tensor | float, Tensor, Tensor | float, Tensor]
"""c_skip, c_out, c_in and c_noise, each a number or shaped like σ."""


@dataclass(frozen=True)
class Precond(ABC):
    """A preconditioning; its fields are options in NVIDIA's files."""

    default_net: ClassVar[str] = "SongUNet"
    outputs: ClassVar[int] = 1
    """Outputs of the network per channel: the prediction, and a learned variance if there are two."""

    @classmethod
    def options(cls) -> set[str]:
        return {f.name for f in fields(cls)}

    @abstractmethod
    def __call__(self, sigma: Tensor) -> Coefficients:
        """The coefficients at levels σ."""


@dataclass(frozen=True)
class EDM(Precond):
    """EDM, and EDM2's `Precond`. The range of σ is metadata that is not used here."""

    default_net = "DhariwalUNet"
    sigma_data: float = 0.5
    sigma_min: float = 0.0
    sigma_max: float = math.inf

    def __call__(self, sigma: Tensor) -> Coefficients:
        total = sigma.square() + self.sigma_data**2
        return self.sigma_data**2 / total, sigma * self.sigma_data * total.rsqrt(), total.rsqrt(), sigma.log() / 4


@dataclass(frozen=True)
class VP(Precond):
    """The variance-preserving baseline: ε on the noise schedule of Song et al. 2021."""

    beta_d: float = 19.9
    beta_min: float = 0.1
    M: int = 1000
    epsilon_t: float = 1e-5

    def __call__(self, sigma: Tensor) -> Coefficients:
        total = sigma.square() + 1
        t = ((self.beta_min**2 + 2 * self.beta_d * total.log()).sqrt() - self.beta_min) / self.beta_d
        return 1.0, -sigma, total.rsqrt(), (self.M - 1) * t


@dataclass(frozen=True)
class VE(Precond):
    """The variance-exploding baseline of Song et al. 2021."""

    sigma_min: float = 0.02
    sigma_max: float = 100.0

    def __call__(self, sigma: Tensor) -> Coefficients:
        return 1.0, sigma, 1.0, (0.5 * sigma).log()


@dataclass(frozen=True)
class IDDPM(Precond):
    """Nichol & Dhariwal's discrete levels u_j (EDM, table 1): the network is evaluated at the nearest one."""

    default_net = "DhariwalUNet"
    outputs = 2
    C_1: float = 0.001
    C_2: float = 0.008
    M: int = 1000

    @cached_property
    def levels(self) -> Tensor:
        """u_0 … u_M, decreasing; u_M = 0. (M + 1,)"""
        j = torch.arange(self.M + 1)
        alpha_bar = (0.5 * math.pi * j / self.M / (self.C_2 + 1)).sin().square()
        u = torch.zeros(self.M + 1)
        for i in range(self.M, 0, -1):
            ratio = (alpha_bar[i - 1] / alpha_bar[i]).clamp(min=self.C_1)
            u[i - 1] = ((u[i].square() + 1) / ratio - 1).sqrt()
        return u

    def __call__(self, sigma: Tensor) -> Coefficients:
        u = self.levels.to(sigma)
        nearest = (sigma[:, None] - u).abs().argmin(1)
        return 1.0, -sigma, (sigma.square() + 1).rsqrt(), (self.M - 1 - nearest).to(sigma.dtype)


PRECONDS: dict[str, type[Precond]] = {
    "EDMPrecond": EDM, "Precond": EDM, "VPPrecond": VP, "VEPrecond": VE, "iDDPMPrecond": IDDPM,
}  # fmt: skip


class Preconditioned(nn.Module):
    """D(x, σ, label): x (batch, channels, size, size), σ (batch,), label int64 (batch,) or None for no class."""

    def __init__(self, precond: Precond, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.precond, self.net, self.classes = precond, net, classes

    def forward(self, x: Tensor, sigma: Tensor, label: Tensor | None = None) -> Tensor:
        return self.all_outputs(x, sigma, label)[:, : x.shape[1]]

    def all_outputs(self, x: Tensor, sigma: Tensor, label: Tensor | None = None) -> Tensor:
        """D(x, σ, label), and after it the other channels of the network: iDDPM's learned variance, 2v − 1."""
        one_hot = None
        if self.classes:
            one_hot = x.new_zeros(len(x), self.classes)
            if label is not None:
                one_hot[torch.arange(len(x), device=x.device), label] = 1
        c_skip, c_out, c_in, c_noise = self.precond(sigma)
        column = (-1, 1, 1, 1)
        y = x * (c_in if isinstance(c_in, float) else c_in.view(column))
        f = self.net(y, c_noise, one_hot)
        skip = x * (c_skip if isinstance(c_skip, float) else c_skip.view(column))
        denoised = skip + c_out.view(column) * f[:, : x.shape[1]]
        return torch.cat([denoised, f[:, x.shape[1] :]], dim=1) if self.precond.outputs > 1 else denoised
