"""Standard errors from disjoint blocks of samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def block_of(index: NDArray[Any], blocks: int) -> NDArray[np.int64]:
    """Which block each of these global sample numbers belongs to: runs of 16, dealt out in turn.

    A run shares a noise generator, and an adaptive sampler's error norm, so it is never cut; and a class-conditional
    model makes its classes in turn, so single numbers must not be dealt out.
    """
    from benchbox.noise import BLOCK

    return (np.asarray(index, dtype=np.int64) // BLOCK) % blocks


def block_error(values: Sequence[float], sizes: Sequence[int]) -> float | None:
    """Standard error of a statistic of all samples, from its values on disjoint blocks of them.

    The values spread as 1/√size, both where the statistic is asymptotically normal and where it goes to 0 as 1/√n, as
    a distance does between equal laws: the subsampling estimate (Politis, Romano & Wolf 1999, §2). Only blocks of one
    size are compared, since a biased statistic's mean differs between sizes. None where no two blocks have one size.
    """
    groups = defaultdict(list)
    for value, size in zip(values, sizes, strict=True):
        groups[size].append(value)
    squares = sum(size * np.square(np.subtract(g, np.mean(g))).sum() for size, g in groups.items())
    freedom = len(values) - len(groups)
    return math.sqrt(squares / freedom / sum(sizes)) if freedom > 0 else None
