"""Features of samples, extracted in chunks as torch-fidelity does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.threads import own_thread

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor

ROWS_PER_CHUNK = 64
"""Images per call of an extractor: torch-fidelity's default batch, so that the features are bit-identical to its own.

KID needs this: in torch-fidelity's float32 arithmetic, the last bits of the features change it by 1e-5 of its value.
"""


MOST_PENDING = 32
"""Chunks whose features wait for the host while a GPU makes the next batch."""


@cache
def host_thread() -> ThreadPoolExecutor:
    """The one thread that works on features while the calling thread makes the next batch."""
    return ThreadPoolExecutor(1, "metrics", initializer=own_thread)


def on_gpu(images: Tensor) -> bool:
    return images.device.type == "cuda"


class Chunks:
    """Collects images as uint8 and passes the features of each full chunk to `take(features, index)`, in order.

    Features of images on a GPU are extracted between two batches, so that the network of the metric takes no time from
    the sampler's. What the host does with them, `take`, runs in a thread while the GPU makes the next batch. On a CPU
    it would take cores from the sampler, so it does not.
    """

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
        self.pending: deque[Future[None]] = deque()

    def update(self, batch: Tensor, index: Tensor) -> None:
        """Add images (n, channels, h, w) with their global numbers (n,)."""
        from benchbox.inputs.pixels import to_uint8

        self.images.append(to_uint8(batch, self.range))
        self.index.append(index)
        self._extract(sum(map(len, self.images)) // ROWS_PER_CHUNK * ROWS_PER_CHUNK)

    def flush(self) -> None:
        """Extract the features of the remaining images, fewer than a chunk, and wait until all are taken."""
        self._extract(sum(map(len, self.images)))
        self._wait(0)

    def _extract(self, end: int) -> None:
        """Pass on the features of the first `end` images."""
        import torch

        if not end:
            return
        images, index = torch.cat(self.images), torch.cat(self.index)
        for chunk, numbers in zip(images[:end].split(ROWS_PER_CHUNK), index[:end].split(ROWS_PER_CHUNK), strict=True):
            features, number = self.extract(chunk, self.metric).numpy(), numbers.cpu().numpy()
            if on_gpu(images):
                self._wait(MOST_PENDING - 1)
                self.pending.append(host_thread().submit(self.take, features, number))
            else:
                self.take(features, number)
        self.images, self.index = ([images[end:]], [index[end:]]) if end < len(images) else ([], [])

    def _wait(self, most: int) -> None:
        """Wait until at most so many chunks are pending. An error of `take` is raised here."""
        while len(self.pending) > most:
            self.pending.popleft().result()
