"""CFG++."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox_guidance.pair import Pair

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox.denoiser import Denoiser


@dataclass(frozen=True)
class CFGPlusPlus(Pair):
    """CFG++ (Chung et al. 2024, arXiv:2406.08070): x' = D_λ + (σ'/σ)(x − D_u), D_λ = D_u + λ (D_c − D_u).

    That step is `ddim` under cfg of the scale s = λ σ/(σ − σ'), σ' the next level, and λ at the last, where σ' is 0.
    This guidance is cfg of that scale under any sampler; with `ddim` it is the paper's method. λ is `lambda_`. As s
    grows with the number of steps, there is no continuous limit.
    """

    name = "cfg-plus-plus"
    continuous_limit = False
    lambda_: float = 0.6

    def __call__(self, denoise: Denoiser, levels: Levels) -> Callable[[Tensor, float], Tensor]:
        rising = [-sigma for sigma in levels.sigmas]

        def guided(x: Tensor, sigma: float) -> Tensor:
            after = bisect_right(rising, -sigma)
            sigma_next = levels.sigmas[after] if after < len(rising) else 0.0
            d_c, d_u = denoise.both(x, sigma)
            return d_u + self.lambda_ * sigma / (sigma - sigma_next) * (d_c - d_u)

        return guided
