"""Standard errors from disjoint blocks of samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def block_of(index: NDArray[Any], blocks: int) -> NDArray[np.int64]:
    """The block of each global sample number: runs of 16 samples are assigned to the blocks in turn.

    The samples of a run share a noise generator and the error norm of an adaptive sampler, so a run is never split.
    Single samples are not assigned in turn because a class-conditional model cycles through its classes.
    """
    from benchbox.noise import BLOCK

    return (np.asarray(index, dtype=np.int64) // BLOCK) % blocks


def block_error(values: Sequence[float], sizes: Sequence[int]) -> float | None:
    """Standard error of a statistic of all samples, from its values on disjoint blocks of the samples.

    The subsampling estimate (Politis, Romano & Wolf 1999, §2): the standard deviation is proportional to 1/√size for an
    asymptotically normal statistic, and for a distance between equal laws, which tends to 0 as 1/√n. Only blocks of
    equal size are compared because the bias depends on the size. None where no two blocks have the same size.
    """
    groups = defaultdict(list)
    for value, size in zip(values, sizes, strict=True):
        groups[size].append(value)
    squares = sum(size * np.square(np.subtract(group, np.mean(group))).sum() for size, group in groups.items())
    freedom = len(values) - len(groups)
    return math.sqrt(squares / freedom / sum(sizes)) if freedom > 0 else None
