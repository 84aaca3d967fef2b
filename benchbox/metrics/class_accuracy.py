"""Class accuracy: whether a classifier assigns samples to their own classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context
from benchbox.metrics.image_metric import ImageMetric, image_range
from benchbox.metrics.restoration import MeanOverMeasurements

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem

NEAR_DATA = 1e-3
"""The level at which a model's own classifier is asked of finished samples."""


@dataclass(frozen=True)
class ClassAccuracy(ImageMetric):
    """The fraction of samples that a classifier assigns to their own class, and its standard error.

    Of images it is the classifier of the features (their logits, such as those of `mnist-cnn`); of a model that makes
    no images and has a classifier, such as `mixture`, that one. Under an inverse problem a sample should be of the
    class that the classifier gives its truth, and the standard error is over measurements. features, weights,
    weights_sha256: as for `fid`.
    """

    name = "class_accuracy"
    aliases = ("class-accuracy",)

    def check(self, model: Model) -> None:
        if exact_classifier(model, "cpu") is None:
            super().check(model)

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        import torch

        if problem is None and not model.conditions(torch.arange(1)):
            some = ":".join(map(str, range(min(model.classes, 2))))
            hint = f" unless it is asked for classes: add --set label={some}" if some else ""
            raise UsageError(
                f"metric {self.name} needs class-conditional samples: model {model.title} makes none{hint}."
            )

    def files(self, model: Model) -> dict[str, Any]:
        return {} if exact_classifier(model, "cpu") is not None else super().files(model)

    def start(self, context: Context) -> Accumulator:
        logits, measurements = self.logits(context), context.measurements
        if measurements is None:
            return ClassAccuracyAccumulator(context.model, logits)
        true = logits(measurements.truths).argmax(1)

        def right(x: Tensor, index: Tensor) -> Tensor:
            return logits(x).argmax(1) == true[measurements.of(index).to(true.device)]

        return MeanOverMeasurements(self.name, right, measurements, "_se")

    def logits(self, context: Context) -> Callable[[Tensor], Tensor]:
        """From samples to the logits of their classes."""
        from benchbox.inputs.pixels import to_uint8

        own = exact_classifier(context.model, context.device)
        if own is not None:
            return lambda x: own(x, NEAR_DATA)
        extractor, span = self.extractor(context), image_range(context.model)
        return lambda x: extractor(to_uint8(x, span), "isc")


def exact_classifier(model: Model, device: Any) -> Callable[[Tensor, float], Tensor] | None:
    """The classifier of a model that makes no images. That of images guides them: it would judge its own work."""
    return model.classifier(device) if model.data_range is None else None


class ClassAccuracyAccumulator(Accumulator):
    """Counts of samples and of those of the right class."""

    def __init__(self, model: Model, logits: Callable[[Tensor], Tensor]) -> None:
        self.model, self.logits, self.seen, self.right = model, logits, 0, 0

    def update(self, batch: Tensor, index: Tensor) -> None:
        asked = self.model.conditions(index.cpu())["label"]
        self.right += int((self.logits(batch).argmax(1).cpu() == asked).sum())
        self.seen += len(batch)

    def merge(self, other: ClassAccuracyAccumulator) -> None:
        self.seen, self.right = self.seen + other.seen, self.right + other.right

    def state(self) -> dict[str, NDArray[Any]]:
        return {"counts": np.array([self.seen, self.right])}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.seen, self.right = (int(count) for count in state["counts"])

    def compute(self) -> dict[str, float | str | None]:
        share = self.right / self.seen
        return {"class_accuracy": share, "class_accuracy_se": (share * (1 - share) / self.seen) ** 0.5}
