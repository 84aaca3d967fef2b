"""The maximum mean discrepancy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metric import Context
from benchbox.metrics.two_sample import Between, TwoSample
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

REFERENCE_DRAWS = 1000
"""Draws from which the bandwidth is estimated."""


@dataclass(frozen=True)
class MMD(Between):
    """Squared maximum mean discrepancy (Gretton et al. 2012, eq. 4) of the first `samples` samples to as many exact
    draws of the data, drawn with `reference_seed`, by the kernel exp(−‖x−y‖²/2h²).

    bandwidth: h; by default the median distance between 1,000 draws of the data, the same for every sampler. The
    estimate is unbiased, so it may be negative; `mmd_std` is its standard error. Memory: `samples` float32 samples.
    """

    name = "mmd"
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bandwidth is not None and self.bandwidth <= 0:
            raise ValueError("bandwidth must be positive.")

    def start(self, context: Context) -> TwoSample:
        kernel = partial(gaussian_kernel, bandwidth=self.bandwidth or median_distance(context.model))
        return TwoSample("mmd", context.model, self.samples, self.reference_seed, kernel)


def gaussian_kernel(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """exp(−‖x_i − y_j‖²/2h²), (n, m)."""
    import torch

    return torch.cdist(x, y).square_().div_(-2 * bandwidth**2).exp_()


@lru_cache(maxsize=8)
def median_distance(model: Model) -> float:
    """The median distance between draws of a model's data (the median heuristic, Gretton et al. 2012, §8)."""
    import torch

    draws = model.draw(REFERENCE_DRAWS, seed=0)
    assert draws is not None
    median = float(torch.pdist(draws.flatten(1).double()).median())
    if median == 0:
        raise UsageError(
            "most draws of the data are equal: set the bandwidth of the kernel with --set mmd.bandwidth=H."
        )
    return median
