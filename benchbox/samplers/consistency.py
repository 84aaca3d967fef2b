"""Multistep consistency sampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class Consistency(Sampler):
    """Multistep consistency sampling (Song et al. 2023, arXiv:2303.01469, algorithm 1), for models that jump.

    x ← f(x, σ) + σ' z, where f jumps to the data; the last jump is the driver's. The paper adds √(σ'² − ε²) z, since
    its f ends at ε; here the data are at 0. In the variance-preserving frame this is the step of latent consistency
    models (Luo et al. 2023, arXiv:2310.04378, algorithm 3).
    """

    name = "consistency"
    aliases = ("lcm",)
    grid = "karras-open"
    uses_jumps = "consistency"

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = denoise.jump(x, sigma, 0.0).add(noise(sigma, sigma_next), alpha=sigma_next)
            yield x
