"""Base classes of the metrics of images, and of those that compare features with a reference."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metric import Context, Metric
from benchbox.metrics.data import Columns
from benchbox.metrics.reference import Reference
from benchbox.metrics.stored import MOST_STORED, StoredFeatures
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor
    from benchbox.metrics.reference import Reference


@dataclass(frozen=True)
class ImageMetric(Metric):
    """A metric on features of images.

    features: a feature extractor registered with torch-fidelity, such as `inception-v3-compat` or `dinov2-vit-l-14`
    (default: the model's, such as `mnist-cnn`). weights, weights_sha256: the file of its weights and their expected
    SHA-256 (default: the file in torch's cache and the published SHA-256).
    """

    features: str | None = None
    weights: Path | None = None
    weights_sha256: str | None = None

    def check(self, model: Model) -> None:
        if len(model.data_shape) != 3 or model.data_range is None:
            samples = f"samples of shape {model.data_shape}" + (" without a range" if model.data_range is None else "")
            raise UsageError(f"metric {self.name} measures images: model {model.name} makes {samples}.")
        from benchbox.metrics import weights
        from benchbox.metrics.extractors import accepts

        features = self.extractor_name(model)
        if problem := accepts(features, model.data_shape):
            raise UsageError(f"metric {self.name} cannot measure model {model.name}: {problem}")
        weights.find_weights(features, self.weights, self.weights_sha256)

    def files(self, model: Model) -> dict[str, Path]:
        from benchbox.metrics import weights

        path = weights.place(self.extractor_name(model), self.weights)
        return super().files(model) | ({} if path is None else {"weights": path})

    def extractor_name(self, model: Model) -> str:
        features = self.features or model.features
        if features is None:
            raise UsageError(
                f"model {model.name} names no feature extractor for its {self.name}: "
                f"give one with --set {self.name}.features=NAME."
            )
        return features

    def extractor(self, context: Context) -> Extractor:
        from benchbox.metrics.features import extractor

        name = self.extractor_name(context.model)
        return extractor(name, str(context.device), self.weights, self.weights_sha256)


@dataclass(frozen=True)
class ReferenceMetric(ImageMetric):
    """A metric that compares features of samples with those of a data set.

    reference: a file written by `benchbox reference`, or the name of a bundled data set (default: the reference of the
    model, written by `benchbox train --reference`, or of the model's data set).
    """

    reference: str | None = None

    @property
    def by_class(self) -> bool:
        """Whether it needs the moments of each class."""
        return False

    def check(self, model: Model) -> None:
        super().check(model)
        self.read(model)

    def files(self, model: Model) -> dict[str, Path]:
        return super().files(model) | {"reference": self.path(model)}

    def path(self, model: Model) -> Path:
        """The file of the reference. UsageError where it is missing."""
        from benchbox.metrics.reference import locate

        name = self.reference or model.reference or model.dataset
        return locate(name, self.extractor_name(model), self.by_class)

    def read(self, model: Model, vectors: bool = False) -> Reference:
        """The reference; vectors: with its features. UsageError where it is missing or does not fit the model."""
        from benchbox.metrics.extractors import resize_of
        from benchbox.metrics.reference import read_reference

        path, features = self.path(model), self.extractor_name(model)
        reference = read_reference(path, vectors)
        if problem := reference.mismatch(model, features, resize_of(features)):
            raise UsageError(f"the reference {path.name} {problem}.")
        return reference


def image_range(model: Model) -> tuple[float, float]:
    """The range of the values of a model's images; `check` has verified that there is one."""
    assert model.data_range is not None
    return model.data_range


@dataclass(frozen=True)
class ReferenceFeaturesMetric(ReferenceMetric):
    """A metric on the features of the samples with numbers below `samples` and the features in the reference."""

    samples: int = MOST_STORED

    def read(self, model: Model, vectors: bool = True) -> Reference:
        """The reference with its features. UsageError where it contains none."""
        reference = super().read(model, vectors=True)
        if reference.vectors is None:
            raise UsageError(
                f"metric {self.name} needs a reference with features, and this one ({reference.label}) has none: "
                "create one with benchbox reference make IMAGES --keep 10000."
            )
        return reference

    def start(self, context: Context) -> StoredFeatures:
        columns = partial(self.columns, reference=self.read(context.model))
        data_range = image_range(context.model)
        return StoredFeatures(self.extractor(context), self.name, data_range, self.samples, columns)

    @abstractmethod
    def columns(self, features: Tensor, reference: Reference) -> Columns:
        """The columns for features (n, dim)."""
