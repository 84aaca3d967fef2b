"""Images through an extractor, in chunks that do not depend on the batches in which they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor

ROWS_PER_CHUNK = 64
"""Images that go through an extractor at once: torch-fidelity's default, so that features equal its own bit for bit.

It matters for KID: torch-fidelity's float32 arithmetic turns the last bits of features into 1e-5 of its value.
"""


class Chunks:
    """Gathers images, as uint8, and gives their features to `take(features, index)` whenever there is a whole chunk."""

    def __init__(
        self,
        extract: Extractor,
        metric: str,
        data_range: tuple[float, float],
        take: Callable[[NDArray[np.float32], NDArray[Any]], None],
    ) -> None:
        """metric: whose layer of the extractor is taken (`benchbox.metrics.features.METRICS`)."""
        self.extract, self.metric, self.range, self.take = extract, metric, data_range, take
        self.images: list[Tensor] = []
        self.index: list[Tensor] = []

    def update(self, batch: Tensor, index: Tensor) -> None:
        """Take in images (n, channels, h, w) and their global numbers (n,)."""
        from benchbox.images import to_uint8

        self.images.append(to_uint8(batch, self.range))
        self.index.append(index)
        if sum(map(len, self.images)) >= ROWS_PER_CHUNK:
            self._give(whole=True)

    def flush(self) -> None:
        """Give what is left, a chunk that is not whole."""
        if self.images:
            self._give(whole=False)

    def _give(self, whole: bool) -> None:
        import torch

        images, index = torch.cat(self.images), torch.cat(self.index)
        end = len(images) // ROWS_PER_CHUNK * ROWS_PER_CHUNK if whole else len(images)
        for part, numbers in zip(images[:end].split(ROWS_PER_CHUNK), index[:end].split(ROWS_PER_CHUNK), strict=True):
            self.take(self.extract(part, self.metric).numpy(), numbers.cpu().numpy())
        self.images, self.index = ([images[end:]], [index[end:]]) if end < len(images) else ([], [])
