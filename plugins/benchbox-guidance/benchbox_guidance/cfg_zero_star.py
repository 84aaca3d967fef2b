"""CFG-Zero*."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox_guidance.pair import Pair, dot

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox.denoiser import Denoiser


@dataclass(frozen=True)
class CFGZeroStar(Pair):
    """CFG-Zero* (Fan et al. 2025, arXiv:2503.18886): a v_u + s (v_c − a v_u), a = ⟨v_c, v_u⟩/‖v_u‖² of each sample.

    On the flow velocity v = n − x_0 = (x − (1 + σ) D)/σ; diffusers' guider agrees on the same numbers. s is `scale`.
    In the first `zero_init` intervals v is 0; the network is asked there all the same, as in the published code.
    """

    name = "cfg-zero-star"
    scale: float = 4.0
    zero_init: int = 1

    def __post_init__(self) -> None:
        if self.zero_init < 0:
            raise ValueError("zero_init must not be negative.")

    def __call__(self, denoise: Denoiser, levels: Levels) -> Callable[[Tensor, float], Tensor]:
        first = levels.sigmas[min(self.zero_init, len(levels.sigmas) - 1)]

        def guided(x: Tensor, sigma: float) -> Tensor:
            v_c, v_u = ((x - (1 + sigma) * d) / sigma for d in denoise.both(x, sigma))
            v_u = v_u * (dot(v_c, v_u) / (dot(v_u, v_u) + 1e-8))
            v = v_u.lerp(v_c, self.scale)
            return (x if self.zero_init and sigma > first else x - sigma * v) / (1 + sigma)

        return guided
