"""Wasserstein distances to data whose law is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.statistics import Array, Moments, gaussian_w2
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class W2(Metric):
    """W2 between the Gaussian with the samples' mean and covariance and the data's exact Gaussian law.

    An estimate from samples: even a perfect sampler has about √(1.5 tr Σ/n). `benchbox check` gives the exact value.
    """

    name = "w2"

    def check(self, model: Model) -> None:
        if model.gaussian_law() is None:
            raise UsageError(f"metric w2 needs Gaussian data, and model {model.name} is not: use sw2.")

    def start(self, context: Context) -> W2Accumulator:
        law = context.model.gaussian_law()
        assert law is not None
        return W2Accumulator(*law)


class W2Accumulator(Accumulator):
    def __init__(self, mean: Array, root: Array) -> None:
        """root: the symmetric root of the reference covariance."""
        self.mean, self.root = mean, root
        self.moments = Moments(len(mean))

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.moments.update(batch.flatten(1).double().cpu().numpy())

    def merge(self, other: W2Accumulator) -> None:
        self.moments.merge(other.moments)

    def state(self) -> dict[str, NDArray[Any]]:
        return self.moments.state()

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.moments.load(state)

    def compute(self) -> dict[str, float | str | None]:
        if self.moments.n < 2:
            return {"w2": None}
        return {"w2": gaussian_w2(self.moments.mean, self.moments.covariance, self.mean, self.root)}


@dataclass(frozen=True)
class SlicedW2(Metric):
    """Sliced W2 (Bonneel et al. 2015): the root mean square over random directions of the one-dimensional W2 to as many
    exact draws of the data. Memory: `projections` float32 numbers per sample.
    """

    name = "sw2"
    projections: int = 64

    def __post_init__(self) -> None:
        if self.projections < 1:
            raise ValueError("projections must be at least 1.")

    def check(self, model: Model) -> None:
        if model.draw(1, 0) is None:
            raise UsageError(f"metric sw2 needs exact draws of the data, and model {model.name} has none: use fid.")

    def start(self, context: Context) -> SlicedW2Accumulator:
        return SlicedW2Accumulator(context.model, self.projections)


class SlicedW2Accumulator(Accumulator):
    def __init__(self, model: Model, projections: int) -> None:
        self.model = model
        directions = np.random.default_rng(0).standard_normal((int(np.prod(model.shape)), projections))
        self.directions = directions / np.linalg.norm(directions, axis=0)
        self.parts: list[NDArray[np.float32]] = []

    def project(self, x: Tensor) -> NDArray[np.float32]:
        return (x.flatten(1).double().cpu().numpy() @ self.directions).astype(np.float32)

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.parts.append(self.project(batch))

    def merge(self, other: SlicedW2Accumulator) -> None:
        self.parts += other.parts

    def state(self) -> dict[str, NDArray[Any]]:
        return {"projections": np.concatenate(self.parts)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.parts = [state["projections"]]

    def compute(self) -> dict[str, float | str | None]:
        ours = np.concatenate(self.parts)
        reference = self.model.draw(len(ours), seed=0)
        assert reference is not None
        difference = np.sort(ours, axis=0).astype(np.float64) - np.sort(self.project(reference), axis=0)
        return {"sw2": float(np.sqrt(np.mean(difference**2)))}
