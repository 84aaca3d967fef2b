"""Feature extraction in chunks of a fixed size, whatever the batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor

ROWS_PER_CHUNK = 64
"""Images per call of an extractor: torch-fidelity's default batch, so that the features are bit-identical to its own.

KID needs this: in torch-fidelity's float32 arithmetic, the last bits of the features change it by 1e-5 of its value.
"""


class Chunks:
    """Collects images as uint8 and passes the features of each full chunk to `take(features, index)`."""

    def __init__(
        self,
        extract: Extractor,
        metric: str,
        data_range: tuple[float, float],
        take: Callable[[NDArray[np.float32], NDArray[Any]], None],
    ) -> None:
        """metric: its layer of the extractor is used (`benchbox.metrics.features.METRICS`)."""
        self.extract, self.metric, self.range, self.take = extract, metric, data_range, take
        self.images: list[Tensor] = []
        self.index: list[Tensor] = []

    def update(self, batch: Tensor, index: Tensor) -> None:
        """Add images (n, channels, h, w) with their global numbers (n,)."""
        from benchbox.inputs.pixels import to_uint8

        self.images.append(to_uint8(batch, self.range))
        self.index.append(index)
        self._extract(sum(map(len, self.images)) // ROWS_PER_CHUNK * ROWS_PER_CHUNK)

    def flush(self) -> None:
        """Extract the features of the remaining images, fewer than a chunk."""
        self._extract(sum(map(len, self.images)))

    def _extract(self, end: int) -> None:
        """Pass on the features of the first `end` images."""
        import torch

        if not end:
            return
        images, index = torch.cat(self.images), torch.cat(self.index)
        for chunk, numbers in zip(images[:end].split(ROWS_PER_CHUNK), index[:end].split(ROWS_PER_CHUNK), strict=True):
            self.take(self.extract(chunk, self.metric).numpy(), numbers.cpu().numpy())
        self.images, self.index = ([images[end:]], [index[end:]]) if end < len(images) else ([], [])
