"""How often the central intervals of samples contain the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metrics.ensemble import EnsembleMetric
from benchbox.metrics.restoration import Range

if TYPE_CHECKING:
    from torch import Tensor

COVERAGE_LEVELS = (0.5, 0.9)


@dataclass(frozen=True)
class Coverage(EnsembleMetric):
    """The share of the numbers of the truth in the central 50 and 90 % intervals of the samples: below, overconfident.

    Columns `coverage_50` and `coverage_90`, with the standard errors over measurements `_std`. For samples of the
    posterior they are 0.5 and 0.9 on average with any number of samples from 2, see `covered`. 19 samples resolve the
    90 % interval; n samples that all miss the truth still count as 1 − 0.05 (n + 1) in it.

    Images are rounded to 8 bits. A pixel at which the truth and all samples are equal says nothing, and is left out.
    That condition treats the truth as one of the samples, so it does not change the averages above.
    """

    name = "coverage"

    def scores(self, x: Tensor, truth: Tensor, data_range: Range | None) -> dict[str, float]:
        from benchbox.inputs.pixels import to_uint8

        if data_range is not None and not x.isnan().any():
            x, truth = to_uint8(x, data_range), to_uint8(truth, data_range)
        differs = (x != truth).any(0)
        return {
            f"coverage_{level:.0%}".rstrip("%"): float(covered(x, truth, level)[differs].mean())
            for level in COVERAGE_LEVELS
        }


def covered(x: Tensor, truth: Tensor, level: float) -> Tensor:
    """The probability that the central interval of draws x (n, d) at a level contains each truth (d,).

    Among n + 1 draws of one law the rank of the truth is uniform, and so is u, uniform in the rank's (n + 1)-th of
    [0, 1], with equal draws in random order (the randomised probability integral transform; Czado et al. 2009). The
    probability that |u − ½| ≤ level/2 is then `level` on average for every n.
    """
    below, up_to = (x < truth).sum(0), (x <= truth).sum(0) + 1
    low, high = below / (len(x) + 1), up_to / (len(x) + 1)
    inside = high.clamp(max=(1 + level) / 2) - low.clamp(min=(1 - level) / 2)
    return inside.clamp(min=0) / (high - low)
