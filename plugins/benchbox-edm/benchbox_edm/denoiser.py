"""D(x, σ) of a converted network, and its adapter to benchbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from benchbox.nets.loading import fill
from benchbox_edm import nets
from benchbox_edm.nets.precond import Preconditioned


def with_weights(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor], title: str) -> nn.Module:
    """D(x, σ, label) of a converted network, for sampling. UsageError where the weights, `title`, do not fit."""
    denoiser = nets.make(architecture)
    fill(denoiser.net, tensors, title)
    return denoiser.eval().requires_grad_(False)


class AtTime(nn.Module):
    """A denoiser as a function of the time of the edm schedule, t = σ/σ_max. Its scale is 1, so the input is x.

    learned_variance: with the other outputs of the converted network.
    """

    def __init__(self, net: nn.Module, sigma_max: float, learned_variance: bool = False) -> None:
        super().__init__()
        self.net, self.sigma_max, self.learned_variance = net, sigma_max, learned_variance

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        if isinstance(self.net, Preconditioned) and self.learned_variance:
            return self.net.all_outputs(x, t * self.sigma_max, label)
        return self.net(x, t * self.sigma_max, label)
