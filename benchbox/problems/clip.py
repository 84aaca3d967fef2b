"""A measurement that saturates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchbox.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Clip(Problem):
    """High dynamic range: A(x) = clip(gain · x, −limit, limit), not linear (Chung et al. 2023, arXiv:2209.14687)."""

    name = "clip"
    linear: ClassVar[bool] = False
    gain: float = 2.0
    limit: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.gain > 0 and self.limit > 0):
            raise ValueError("gain and limit must be above 0.")

    def forward(self, x: Tensor) -> Tensor:
        return (self.gain * x).clamp(-self.limit, self.limit)
