"""The sliced Wasserstein distance to draws of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class SlicedW2(Metric):
    """Sliced W2 (Bonneel et al. 2015): the root mean square over random directions of the one-dimensional W2 to as many
    exact draws of the data, drawn with `reference_seed`.

    It is biased upward. `sw2_std` is the standard error from `resamples` bootstrap samples of samples and draws (0:
    none); it does not include the bias. Memory: `projections` float32 numbers per sample.
    """

    name = "sw2"
    projections: int = 64
    resamples: int = 30
    reference_seed: int = 0

    def __post_init__(self) -> None:
        if self.projections < 1 or self.resamples == 1 or self.resamples < 0:
            raise ValueError("projections must be at least 1, and resamples 0 or at least 2.")

    def check(self, model: Model) -> None:
        if model.draw(1, 0) is None:
            raise UsageError(
                f"metric sw2 needs exact draws of the data, and model {model.name} has none: choose another metric."
            )

    def start(self, context: Context) -> SlicedW2Accumulator:
        return SlicedW2Accumulator(context.model, self)


class SlicedW2Accumulator(Accumulator):
    """Stores the projections of the samples with their numbers."""

    def __init__(self, model: Model, metric: SlicedW2) -> None:
        self.model, self.metric = model, metric
        directions = np.random.default_rng(0).standard_normal((int(np.prod(model.data_shape)), metric.projections))
        self.directions = directions / np.linalg.norm(directions, axis=0)
        self.parts = [np.empty((0, metric.projections), np.float32)]
        self.index = [np.empty(0, np.int64)]

    def project(self, x: Tensor) -> Float32Array:
        return (x.flatten(1).double().cpu().numpy() @ self.directions).astype(np.float32)

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.parts.append(self.project(batch))
        self.index.append(index.cpu().numpy())

    def merge(self, other: SlicedW2Accumulator) -> None:
        self.parts += other.parts
        self.index += other.index

    def state(self) -> dict[str, NDArray[Any]]:
        return {"projections": np.concatenate(self.parts), "index": np.concatenate(self.index)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.parts, self.index = [state["projections"]], [state["index"]]

    def compute(self) -> dict[str, float | str | None]:
        index = np.concatenate(self.index)
        if len(index) < 2:
            return {"sw2": None, "sw2_std": None}
        reference = self.model.draw(len(index), self.metric.reference_seed)
        assert reference is not None
        samples, draws = Sorted(np.concatenate(self.parts)[np.argsort(index)]), Sorted(self.project(reference))
        rng = np.random.default_rng(0)
        resampled = [distance(samples.resampled(rng), draws.resampled(rng)) for _ in range(self.metric.resamples)]
        error = float(np.std(resampled, ddof=1)) if resampled else None
        return {"sw2": distance(samples.values, draws.values), "sw2_std": error}


class Sorted:
    """The columns of an array (n, columns), each sorted, with the row of origin of every number."""

    def __init__(self, x: Float32Array) -> None:
        self.order = np.argsort(x, axis=0)
        self.values = np.take_along_axis(x, self.order, axis=0)

    def resampled(self, rng: np.random.Generator) -> Float32Array:
        """The sorted columns of a bootstrap sample of the rows (Efron 1979), without sorting again."""
        n = len(self.values)
        counts = np.bincount(rng.integers(n, size=n), minlength=n)[self.order]
        return np.stack([np.repeat(v, count) for v, count in zip(self.values.T, counts.T, strict=True)], axis=1)


def distance(x: Float32Array, y: Float32Array) -> float:
    """Root mean square over sorted columns (n, columns) of the W2 between the two empirical laws."""
    return float(np.sqrt(np.mean(np.square(x.astype(np.float64) - y))))
