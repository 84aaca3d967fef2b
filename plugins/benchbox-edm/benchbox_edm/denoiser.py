"""D(x, σ) of a converted network, and its adapter to benchbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from benchbox.nets.loading import fill
from benchbox_edm import nets


def with_weights(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor], what: str) -> nn.Module:
    """D(x, σ, label) of a converted network, for sampling. UsageError where the weights, `what`, do not fit."""
    denoiser = nets.make(architecture)
    fill(denoiser.net, tensors, what)
    return denoiser.eval().requires_grad_(False)


class AtTime(nn.Module):
    """A denoiser as a function of the time of the edm schedule, t = σ/σ_max. Its scale is 1, so the input is x."""

    def __init__(self, net: nn.Module, sigma_max: float) -> None:
        super().__init__()
        self.net, self.sigma_max = net, sigma_max

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, t * self.sigma_max, label)
