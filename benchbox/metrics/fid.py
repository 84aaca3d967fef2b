"""Fréchet distance between the features of samples and those of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context
from benchbox.metrics.blocks import BlockMoments
from benchbox.metrics.frechet import frechet_distance
from benchbox.metrics.image_metric import ReferenceMetric, image_range
from benchbox.metrics.stored import Chunks
from benchbox.metrics.uncertainty import BLOCKS, fid_interval, samples_needed

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor
    from benchbox.metrics.reference import Reference


@dataclass(frozen=True)
class FID(ReferenceMetric):
    """Fréchet Inception Distance (Heusel et al. 2017) of uint8 images, equal to torch-fidelity's, and its uncertainty.

    features: a feature extractor registered with torch-fidelity (default: the model's, such as `mnist-cnn`).
    weights, weights_sha256: the file of its weights and their expected SHA-256 (default: the file in torch's cache).
    reference: an .npz of mu and sigma, or the name of a bundled data set (default: the model's data set).
    Columns: `fid`; `fid_inf`, its value for infinitely many samples (Chong & Forsyth 2020), with the 95 % confidence
    interval `fid_low` to `fid_high`; `fid_features`, `fid_reference`; `fid_note` where there are too few samples.
    Values of different features, data sets or sample counts are not comparable. Memory: 10 covariances.
    """

    name = "fid"

    def start(self, context: Context) -> FIDAccumulator:
        model, extract = context.model, self.extractor(context)
        return FIDAccumulator(extract, extract.name, self.read(model), image_range(model))


class FIDAccumulator(Accumulator):
    """Extracts the features of the images and keeps only their moments, by blocks."""

    def __init__(
        self, extract: Extractor, features: str, reference: Reference, data_range: tuple[float, float]
    ) -> None:
        self.features, self.reference = features, reference
        self.chunks = Chunks(extract, "fid", data_range, self.take)
        self.blocks = BlockMoments(len(reference.mu), BLOCKS)

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.chunks.update(batch, index)

    def take(self, features: NDArray[Any], index: NDArray[Any]) -> None:
        """Add features (n, dim) of the samples with these numbers."""
        if features.shape[1] != len(self.reference.mu):
            raise UsageError(
                f"the reference has {len(self.reference.mu)} features, and {self.features} has {features.shape[1]}."
            )
        self.blocks.add(features, index)

    def merge(self, other: FIDAccumulator) -> None:
        for accumulator in (self, other):
            accumulator.chunks.flush()
        self.blocks.merge(other.blocks)

    def state(self) -> dict[str, NDArray[Any]]:
        self.chunks.flush()
        return self.blocks.state()

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.blocks.load(state)

    def compute(self) -> dict[str, float | str | None]:
        self.chunks.flush()
        origin = {"fid_features": self.features, "fid_reference": self.reference.label}
        total, mu, sigma = self.blocks.total, self.reference.mu, self.reference.sigma
        none = dict.fromkeys(("fid", "fid_low", "fid_high", "fid_inf"))
        if total.n < 2:
            return none | origin | {"fid_note": None}
        columns = none | {"fid": frechet_distance(total.mean, total.covariance, mu, sigma)}
        if total.n >= samples_needed(len(mu)):
            interval = fid_interval(self.blocks.moments, mu, sigma)
            columns |= {"fid_low": interval.low, "fid_high": interval.high, "fid_inf": interval.value}
        return columns | origin | {"fid_note": note(total.n, self.reference.n, len(mu))}


def note(n: int, n_ref: int, dim: int) -> str | None:
    """Which numbers of samples are too small for features of this dimension; None where they suffice."""
    notes = [f"{n:,} samples, {samples_needed(dim):,} needed"] if n < samples_needed(dim) else []
    notes += [f"a reference of {n_ref:,}, more than {dim:,} needed"] if 0 < n_ref <= dim else []
    return "; ".join(notes) or None
