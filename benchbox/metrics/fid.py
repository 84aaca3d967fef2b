"""Fréchet distance between the features of samples and those of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from benchbox.classes import LATER_OPTION
from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context
from benchbox.metrics.blocks import BlockMoments
from benchbox.metrics.chunks import Chunks
from benchbox.metrics.frechet import frechet_distance
from benchbox.metrics.image_metric import ReferenceMetric, image_range
from benchbox.metrics.uncertainty import BLOCKS, fid_interval, samples_needed

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor
    from benchbox.metrics.reference import Reference
    from benchbox.model import Model


@dataclass(frozen=True)
class FID(ReferenceMetric):
    """Fréchet Inception Distance (Heusel et al. 2017) of uint8 images, equal to torch-fidelity's, and its uncertainty.

    features: a feature extractor registered with torch-fidelity (default: the model's, such as `mnist-cnn`).
    weights, weights_sha256: the file of its weights and their expected SHA-256 (default: the file in torch's cache).
    reference: an .npz of mu and sigma, or the name of a bundled data set (default: the model's data set). classes: the
    reference is of `all` classes as the data set has them, or of the `asked` ones in the proportions of the samples,
    which needs the moments of each class (`benchbox reference make --labels`).
    Columns: `fid`; `fid_inf`, its value for infinitely many samples (Chong & Forsyth 2020), with the 95 % confidence
    interval `fid_low` to `fid_high`; `fid_features`, `fid_reference`; `fid_note` where there are too few samples.
    Values of different features, data sets or sample counts are not comparable. Memory: 10 covariances.
    """

    name = "fid"
    classes: Literal["all", "asked"] = field(default="all", kw_only=True, metadata=LATER_OPTION)

    @property
    def by_class(self) -> bool:
        return self.classes == "asked"

    def read(self, model: Model, vectors: bool = False) -> Reference:
        reference = super().read(model, vectors)
        if self.by_class:
            check_classes(reference, model)
        return reference

    def start(self, context: Context) -> FIDAccumulator:
        model, extract = context.model, self.extractor(context)
        asked = partial(asked_labels, model) if self.by_class else None
        return FIDAccumulator(extract, extract.name, self.read(model), image_range(model), asked)


class FIDAccumulator(Accumulator):
    """Extracts the features of the images and keeps only their moments, by blocks."""

    def __init__(
        self,
        extract: Extractor,
        features: str,
        reference: Reference,
        data_range: tuple[float, float],
        asked: Callable[[int], NDArray[Any]] | None = None,
    ) -> None:
        """asked: the classes that the first n samples were asked for, where the reference is of these."""
        self.features, self.reference, self.asked = features, reference, asked
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
        total = self.blocks.total
        reference = self.reference.of_classes(self.asked(total.n)) if self.asked else self.reference
        origin = {"fid_features": self.features, "fid_reference": reference.label}
        mu, sigma = reference.mu, reference.sigma
        none = dict.fromkeys(("fid", "fid_low", "fid_high", "fid_inf"))
        if total.n < 2:
            return none | origin | {"fid_note": None}
        columns = none | {"fid": frechet_distance(total.mean, total.covariance, mu, sigma)}
        if total.n >= samples_needed(len(mu)):
            interval = fid_interval(self.blocks.moments, mu, sigma)
            columns |= {"fid_low": interval.low, "fid_high": interval.high, "fid_inf": interval.value}
        return columns | origin | {"fid_note": note(total.n, reference.n, len(mu))}


def asked_labels(model: Model, n: int) -> NDArray[Any]:
    """The classes that the first n samples of a model are asked for."""
    import torch

    return model.conditions(torch.arange(n))["label"].numpy()


def check_classes(reference: Reference, model: Model) -> None:
    """UsageError where the reference has no moments of the classes that the model is asked for."""
    if reference.classes is None:
        raise UsageError(
            f"fid.classes=asked needs a reference with the moments of each class, and this one ({reference.label}) has "
            "none: create one with benchbox reference make IMAGES --labels KEY."
        )
    if not 0 < model.classes <= len(reference.classes.n):
        raise UsageError(
            f"fid.classes=asked: the reference has {len(reference.classes.n)} classes, and model {model.title} "
            f"is asked for {model.classes or 'none'}."
        )


def note(n: int, n_ref: int, dim: int) -> str | None:
    """Which numbers of samples are too small for features of this dimension; None where they suffice."""
    notes = [f"{n:,} samples, {samples_needed(dim):,} needed"] if n < samples_needed(dim) else []
    notes += [f"a reference of {n_ref:,}, more than {dim:,} needed"] if 0 < n_ref <= dim else []
    return "; ".join(notes) or None
