"""Vectors of samples, stored with the samples' numbers, for metrics that need all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from benchbox.metric import Accumulator

if TYPE_CHECKING:
    from torch import Tensor


class StoredVectors(Accumulator):
    """A float32 vector of each sample with a number below `limit` (None: of all). Memory: these vectors."""

    key: ClassVar[str] = "samples"
    """The name of the vectors in the stored state."""

    def __init__(self, dim: int, limit: int | None = None) -> None:
        self.limit = limit
        self.parts = [np.empty((0, dim), np.float32)]
        self.index = [np.empty(0, np.int64)]

    def vectors(self, x: Tensor) -> NDArray[np.float32]:
        """What is stored of samples (n, *shape), (n, dim): the samples themselves, flattened."""
        flat: NDArray[np.float32] = x.flatten(1).float().cpu().numpy()
        return flat

    def update(self, batch: Tensor, index: Tensor) -> None:
        if self.limit is not None:
            batch, index = batch[index < self.limit], index[index < self.limit]
        self.parts.append(self.vectors(batch))
        self.index.append(index.cpu().numpy())

    def merge(self, other: Self) -> None:
        self.parts += other.parts
        self.index += other.index

    def state(self) -> dict[str, NDArray[Any]]:
        return {self.key: np.concatenate(self.parts), "index": np.concatenate(self.index)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.parts, self.index = [state[self.key]], [state["index"]]

    def ordered(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The vectors (n, dim) and the numbers (n,) of the samples, in the order of the numbers."""
        state = self.state()
        order = np.argsort(state["index"])
        return state[self.key][order], state["index"][order]
