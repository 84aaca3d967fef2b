"""Types of the arguments of a sampler in benchbox's contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Denoise = Callable[[Tensor, float], Tensor]
    """D(x, σ) = E[x_0 | x_0 + σ n = x]; as `eps`, the noise ε̂ = (x − D)/σ."""

    Noise = Callable[[float, float], Tensor]
    """(σ, σ') to a fresh N(0, I), shaped like the state."""

    Point = tuple[float, Tensor]
    """A level and D there."""
