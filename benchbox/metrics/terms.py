"""The terms of the variational bound of a model on data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbox.grid import Levels
from benchbox.metrics.data import Data, state_dtype

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser


class Terms:
    """L_T, the sum of L_1 … L_{T−1}, and L_0 of data in nats, each from one draw of the noise.

    In canonical coordinates x = x_0 + σ n, in which KL divergences equal those of y = s x. From level σ to σ' < σ the
    posterior of x' has mean (σ'²/σ²) x + (1 − σ'²/σ²) x_0 and variance σ'²(1 − σ'²/σ²); the model has D(x, σ) in place
    of x_0. count: number of steps that are evaluated for each datum.
    """

    def __init__(self, denoise: Denoiser, levels: Levels, data: Data, count: int, variance: str) -> None:
        self.denoise, self.levels, self.data, self.count = denoise, levels, data, count
        self.small = variance == "small"
        self.dtype = state_dtype(denoise)
        self.sigmas = np.array(levels.sigmas)
        ratio = np.square(self.sigmas[1:] / self.sigmas[:-1])
        self.gain = 1 - ratio
        self.posterior = np.square(self.sigmas[1:]) * self.gain
        # β in the frame of y; σ² − σ'² where s = 1
        large = np.square(np.array(levels.scales[:-1]) / levels.scales[1:]) * -np.diff(np.square(self.sigmas))
        self.variance = self.posterior if self.small else large
        # share of each term in the sum for Gaussian data: only the standard error depends on it
        spread = max(float(data.x0.flatten(1).var(0).mean()), 1e-12)
        shares = self.gain**2 / self.posterior / (1 / np.square(self.sigmas[:-1]) + 1 / spread)
        self.share = shares / shares.sum()

    def __call__(self, group: NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float, float]:
        data, x0 = self.data, self.data.x0[group]
        labels = None if data.labels is None else data.labels[group]
        self.denoise.conditions = {} if labels is None else {"label": labels.to(self.denoise.device)}
        steps = sum(weight * self.step(x0, i, rng) for i, weight in self.draw(rng))
        return self.last(x0), steps, self.decoder(x0, rng)

    def draw(self, rng: np.random.Generator) -> list[tuple[int, float]]:
        """Intervals and their weights in the sum over all intervals, by stratified sampling from `share`."""
        n, m = len(self.share), self.count
        if m >= n:
            return [(i, 1.0) for i in range(n)]
        drawn = np.searchsorted(np.cumsum(self.share), (np.arange(m) + rng.random(m)) / m).clip(max=n - 1)
        return [(int(i), float(1 / (m * self.share[i]))) for i in drawn]

    def last(self, x0: Tensor) -> float:
        """L_T: KL(q(x_T|x_0) ‖ N(0, S²)), where S is the standard deviation at the start of a run."""
        std = self.levels.start_std
        ratio = (self.sigmas[0] / std) ** 2
        square = float(x0.flatten(1).square().sum(1).mean()) / std**2
        return float(square + self.data.dim * (ratio - 1 - math.log(ratio))) / 2

    def step(self, x0: Tensor, i: int, rng: np.random.Generator) -> float:
        """L_{t−1}: KL(q(x'|x, x_0) ‖ p(x'|x)) from level i to i+1."""
        error = x0 - self.denoised(x0, float(self.sigmas[i]), rng)
        ratio = self.posterior[i] / self.variance[i]
        square = float(error.flatten(1).square().sum(1).mean()) * self.gain[i] ** 2 / self.variance[i]
        return float(square + self.data.dim * (ratio - 1 - math.log(ratio))) / 2

    def decoder(self, x0: Tensor, rng: np.random.Generator) -> float:
        """L_0: −log p(x_0|x_1), p normal with mean D(x_1, σ_1) and variance β̃_2 (Nichol & Dhariwal's code) or β_1."""
        small = self.small and len(self.posterior)
        variance = self.levels.scales[-1] ** 2 * (self.posterior[-1] if small else self.sigmas[-1] ** 2)
        mean = self.denoised(x0, float(self.sigmas[-1]), rng)
        return float(-log_decoder(x0, mean, float(variance) ** 0.5, self.data).flatten(1).sum(1).mean())

    def denoised(self, x0: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
        """D(x_0 + σ n, σ) for a new draw of n."""
        import torch

        x = x0 + sigma * torch.as_tensor(rng.standard_normal(tuple(x0.shape)))
        return self.denoise(x.to(self.denoise.device, self.dtype), sigma).cpu().double()


def log_decoder(x0: Tensor, mean: Tensor, std: float, data: Data) -> Tensor:
    """log N(x_0; mean, std²) by coordinate; for images, of the interval of a pixel value (eq. 13)."""
    import torch

    if data.range is None or data.width is None:
        return -((x0 - mean) / std).square() / 2 - math.log(2 * math.pi * std**2) / 2
    half, (low, high) = data.width / 2, data.range
    below = torch.where(x0 > low + half, (x0 - half - mean) / std, -math.inf)
    above = torch.where(x0 < high - half, (x0 + half - mean) / std, math.inf)
    # the upper tail is mirrored into the lower one, where differences do not cancel
    flip = below > 0
    below, above = torch.where(flip, -above, below), torch.where(flip, -below, above)
    top = torch.special.log_ndtr(above)
    return top + torch.log(-torch.expm1(torch.special.log_ndtr(below) - top))
