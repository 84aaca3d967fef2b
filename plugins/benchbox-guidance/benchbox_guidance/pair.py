"""What the guidances of this package share: they ask a network with its condition and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbox import Guidance
from benchbox.guidance import require_unconditional

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Model


class Pair(Guidance):
    """A guidance of D_c and D_u, at the cost of two evaluations."""

    def check(self, model: Model) -> None:
        require_unconditional(self, model)

    def cost(self, sigma: float) -> int:
        return 2


def dot(a: Tensor, b: Tensor) -> Tensor:
    """⟨a, b⟩ of each sample, shaped to multiply (batch, *shape)."""
    return (a * b).flatten(1).sum(1).view(-1, *[1] * (a.ndim - 1))
