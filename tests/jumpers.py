"""A distilled network of Gaussian data that was distilled perfectly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from networks import EIGENVALUES, MEAN, ExactNetwork
from torch import Tensor, nn

from benchbox.model import Jumps
from benchbox.prediction import edm_coefficients


def exact_jump(x: Tensor, sigma: float, sigma_next: float = 0.0) -> Tensor:
    """The solution of the ODE of N(MEAN, diag EIGENVALUES) from σ to σ'."""
    mu, lam = x.new_tensor(MEAN), x.new_tensor(EIGENVALUES)
    return mu + ((lam + sigma_next**2) / (lam + sigma**2)).sqrt() * (x - mu)


@dataclass(frozen=True)
class ExactJumper(ExactNetwork):
    """Its network predicts the end of the trajectory through x, as eps or edm."""

    name = "exact-jumper"

    @property
    def jumps(self) -> Jumps:
        return "consistency"

    @property
    def dataset(self) -> str:
        return "gaussian"

    def network(self, device: Any) -> Callable[..., Tensor]:
        class Network(nn.Module):
            def forward(network, y: Tensor, t: Tensor) -> Tensor:  # noqa: N805 (self is the model)
                return torch.cat([self.predicted(row, time) for row, time in zip(y.split(1), t.split(1), strict=True)])

        return Network()

    def predicted(self, y: Tensor, t: Tensor) -> Tensor:
        s, sigma = self.frame(t)
        c_skip, c_out, c_in = edm_coefficients(sigma, self.sigma_data)
        x = y / (c_in if self.predicts == "edm" else s)
        end = exact_jump(x, sigma)
        return (end - c_skip * x) / c_out if self.predicts == "edm" else (x - end) / sigma
