"""Data on which a likelihood is measured: images from a file, or exact draws of an analytic model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.jumping import require_denoiser
from benchbox.metric import Accumulator, Metric
from benchbox.model import Model

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchbox.denoiser import Denoiser

Columns = dict[str, float | str | None]

IMAGES, DRAWS = 64, 1000
"""Default sizes: images of a file, draws of a model."""


@dataclass(frozen=True)
class Data:
    """x0 (n, *shape) float64; labels (n,) int64 or None; range: values of the pixels 0 and 255, None for other data."""

    x0: Tensor
    labels: Tensor | None
    range: tuple[float, float] | None

    @property
    def width(self) -> float | None:
        """Width of the interval of values that round to one pixel value."""
        return None if self.range is None else (self.range[1] - self.range[0]) / 255

    @property
    def dim(self) -> int:
        return self.x0[0].numel()


@dataclass(frozen=True)
class OnData(Metric):
    """Base class of metrics of a model on data: `samples` random images of a file (64), or draws of it (1,000)."""

    data: Path | None = None
    key: str | None = None
    labels: str | None = None
    samples: int | None = None

    def __post_init__(self) -> None:
        if self.samples is not None and self.samples < 2:
            raise ValueError("samples must be at least 2.")
        if self.data is not None and not self.data.is_file():
            raise ValueError(f"there is no file {self.data}.")
        if self.data is None and (self.key or self.labels):
            raise ValueError("key and labels are arrays of the file given by data: set data, too.")

    def check(self, model: Model) -> None:
        require_denoiser(f"metric {self.name}", model)
        if model.latent:
            raise UsageError(
                f"metric {self.name} measures the density of data, and model {model.name} is defined on latents, "
                "without an encoder: choose another metric."
            )
        if self.data is None and model.draw(1, 0) is None:
            raise UsageError(
                f"metric {self.name} needs data, and model {model.name} cannot draw any: "
                f"pass images with --set {self.name}.data=FILE.npz."
            )
        if self.data is not None and model.data_range is None:
            raise UsageError(f"metric {self.name}: model {model.name} makes no images, so leave out {self.name}.data.")
        if self.data is not None:
            self.read(model)

    def read(self, model: Model) -> Data:
        """The data, the same at every call. UsageError where the images do not have the model's shape."""
        import torch

        n = self.samples or (IMAGES if self.data else DRAWS)
        if self.data is None:
            draws = model.draw(n, seed=0)
            assert draws is not None
            return Data(draws.double(), None, None)
        from benchbox.inputs.images import read_images, read_labels

        assert model.data_range is not None
        images = read_images(self.data, self.key)
        if images.shape[1:] != model.shape:
            raise UsageError(
                f"{self.data} has images of shape {images.shape[1:]}, model {model.name} of {model.shape}."
            )
        if n > len(images):
            raise UsageError(f"{self.data} has {len(images)} images, fewer than {self.name}.samples={n}.")
        chosen = np.random.default_rng(0).choice(len(images), n, replace=False)
        labels = read_labels(self.data, self.labels, len(images))[chosen] if self.labels else None
        low, high = model.data_range
        x0 = low + (high - low) / 255 * torch.as_tensor(images[chosen]).double()
        return Data(x0, None if labels is None else torch.as_tensor(labels), (low, high))


def state_dtype(denoise: Denoiser) -> torch.dtype:
    """dtype of the state x: float64 for analytic models and for networks in float64, float32 otherwise."""
    import torch

    analytic = denoise.model.denoiser(denoise.device) is not None
    double = analytic or getattr(denoise.formula, "dtype", None) == torch.float64
    return torch.float64 if double else torch.float32


class OfModel(Accumulator):
    """The accumulator of a metric of the model itself: it ignores the samples and has no state."""

    def __init__(self, measure: Callable[[], Columns]) -> None:
        self.measure = measure

    def update(self, batch: Tensor, index: Tensor) -> None: ...

    def merge(self, other: OfModel) -> None: ...

    def state(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, state: dict[str, NDArray[Any]]) -> None: ...

    def compute(self) -> Columns:
        return self.measure()
