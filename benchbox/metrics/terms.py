"""The terms of the variational bound of a model on data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbox.grid import Levels
from benchbox.likelihoods import log_decoder, normal_kl
from benchbox.metrics.data import Data, state_dtype
from benchbox.variance import decoder_stds, interpolated, reverse_stds

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser


class Terms:
    """L_T, the sum of L_1 … L_{T−1}, and L_0 of data in nats, each from one draw of the noise.

    In canonical coordinates x = x_0 + σ n, in which KL divergences equal those of y = s x. From level σ to σ' < σ the
    posterior of x' has mean (σ'²/σ²) x + (1 − σ'²/σ²) x_0 and variance σ'²(1 − σ'²/σ²); the model has D(x, σ) in place
    of x_0. count: number of steps that are evaluated for each datum. variance: of the model's steps, small (β̃), large
    (β) or learned, between the two.
    """

    def __init__(self, denoise: Denoiser, levels: Levels, data: Data, count: int, variance: str) -> None:
        self.denoise, self.levels, self.data, self.count = denoise, levels, data, count
        self.kind = variance
        self.dtype = state_dtype(denoise)
        self.sigmas = np.array(levels.sigmas)
        ratio = np.square(self.sigmas[1:] / self.sigmas[:-1])
        self.gain = 1 - ratio
        self.posterior = np.square(self.sigmas[1:]) * self.gain
        # β in the frame of y; σ² − σ'² where s = 1
        large = np.square(np.array(levels.scales[:-1]) / levels.scales[1:]) * -np.diff(np.square(self.sigmas))
        self.variance = large if variance == "large" else self.posterior
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
        denoised, v = self.denoised(x0, float(self.sigmas[i]), rng)
        ends = reverse_stds(self.sigmas[i], self.sigmas[i + 1])
        variance = self.variance[i] if v is None else interpolated(*ends, v) ** 2
        return float(normal_kl(x0 - denoised, self.gain[i], self.posterior[i], variance).flatten(1).sum(1).mean())

    def decoder(self, x0: Tensor, rng: np.random.Generator) -> float:
        """L_0: −log p(x_0|x_1), p normal with mean D(x_1, σ_1) and variance β̃_2 (Nichol & Dhariwal's code) or β_1.

        A learned variance is between the two.
        """
        mean, v = self.denoised(x0, float(self.sigmas[-1]), rng)
        if v is None or not len(self.posterior):
            small = self.kind == "small" and len(self.posterior)
            std = self.levels.scales[-1] * (self.posterior[-1] ** 0.5 if small else self.sigmas[-1])
        else:
            std = interpolated(*decoder_stds(self.sigmas[-1], self.sigmas[-2]), v)
        return float(-log_decoder(x0, mean, std, self.data.range).flatten(1).sum(1).mean())

    def denoised(self, x0: Tensor, sigma: float, rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """D(x_0 + σ n, σ) for a new draw of n; and v, where the variance is learned."""
        import torch

        x = x0 + sigma * torch.as_tensor(rng.standard_normal(tuple(x0.shape)))
        x = x.to(self.denoise.device, self.dtype)
        if self.kind != "learned":
            return self.denoise(x, sigma).cpu().double(), None
        denoised, v = self.denoise.with_variance(x, sigma)
        return denoised.cpu().double(), v.cpu().double()
