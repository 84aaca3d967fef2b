"""What the metrics of images share: an extractor, its weights, a reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metric import Context, Metric
from benchbox.model import Model

if TYPE_CHECKING:
    from benchbox.metrics.features import Extractor
    from benchbox.metrics.reference import Reference


@dataclass(frozen=True)
class ImageMetric(Metric):
    """A measure of features of images.

    features: a feature extractor registered with torch-fidelity, such as `inception-v3-compat` or `dinov2-vit-l-14`
    (none: the model's own, such as `mnist-cnn`). weights, weights_sha256: its weights' file, and the SHA-256 to expect
    (none: the file in torch's cache, and its publisher's SHA-256).
    """

    features: str | None = None
    weights: Path | None = None
    weights_sha256: str | None = None

    def check(self, model: Model) -> None:
        if len(model.data_shape) != 3 or model.data_range is None:
            what = f"samples of shape {model.data_shape}" + (" without a range" if model.data_range is None else "")
            raise UsageError(f"metric {self.name} measures images: model {model.name} makes {what}.")
        from benchbox.metrics import weights
        from benchbox.metrics.features import accepts

        features = self.extractor_name(model)
        if problem := accepts(features, model.data_shape):
            raise UsageError(f"metric {self.name} cannot measure model {model.name}: {problem}")
        weights.find_weights(features, self.weights, self.weights_sha256)

    def files(self, model: Model) -> dict[str, Path]:
        from benchbox.metrics import weights

        found = weights.place(self.extractor_name(model), self.weights)
        return super().files(model) | ({} if found is None else {"weights": found})

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
    """A measure of features of images against those of a data set.

    reference: an .npz as `benchbox reference` makes, or the name of a data set that comes with benchbox (none: the
    model's own, which `benchbox train --reference` makes, or that of its data set).
    """

    reference: str | None = None

    def check(self, model: Model) -> None:
        super().check(model)
        self.read(model)

    def files(self, model: Model) -> dict[str, Path]:
        return super().files(model) | {"reference": self.path(model)}

    def path(self, model: Model) -> Path:
        """Where the reference is. UsageError where there is none."""
        from benchbox.metrics.reference import locate

        return locate(self.reference or model.reference or model.dataset, self.extractor_name(model))

    def read(self, model: Model, vectors: bool = False) -> Reference:
        """The reference, with its features where these are asked for. UsageError where it is missing or another one."""
        from benchbox.metrics.reference import read_reference

        path = self.path(model)
        found = read_reference(path, vectors)
        if problem := found.mismatch(model, self.extractor_name(model)):
            raise UsageError(f"the reference {path.name} {problem}.")
        return found


def image_range(model: Model) -> tuple[float, float]:
    """The range of the values of a model's images, which `check` has found to be there."""
    assert model.data_range is not None
    return model.data_range
