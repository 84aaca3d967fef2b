"""The data distribution of a model: the shape and the range of its samples, and what is known of their law."""

from __future__ import annotations

from abc import ABC
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchbox.errors import UsageError, sentence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from benchbox.mixture_law import MixtureLaw


class DataDistribution(ABC):
    """Samples of shape `data_shape`, or latents of shape `shape` that `decode` maps to them.

    `data_range` is the range of the values of the data (None: unbounded, so not an image).
    """

    name: ClassVar[str]

    @property
    def title(self) -> str:
        """The model's name in rows; it says more than `name` where one plugin offers many networks."""
        return self.name

    @property
    def dataset(self) -> str:
        """The data set of the model; results on different data sets are never ranked together."""
        return self.name

    @property
    def classes(self) -> int:
        """The number of classes; 0: it is not class-conditional."""
        return 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample in the space of the sampler and the network."""
        raise NotImplementedError

    @property
    def latent(self) -> bool:
        """Whether samples are latents, which `decode` maps to data."""
        return type(self).decode is not DataDistribution.decode

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one decoded sample, as metrics get it; by default found by decoding zeros."""
        return decoded_shape(self) if self.latent else self.shape

    @property
    def data_range(self) -> tuple[float, float] | None:
        return None

    def decode(self, x: Tensor) -> Tensor:
        """Map latents (batch, *shape) to data (batch, *data_shape), after the final denoise."""
        return x

    def draw(self, n: int, seed: int) -> Tensor | None:
        """n exact draws of the data, (n, *data_shape), on the CPU; None where the model cannot draw."""
        return None

    def gaussian_law(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Mean and symmetric square root of the covariance of the flattened data; None where it is not Gaussian."""
        return None

    def mixture_law(self) -> MixtureLaw | None:
        """The law of the flattened data as a mixture of Gaussians; None where it is not one, or not known."""
        return None

    @property
    def held_out(self) -> Path | None:
        """A file of data that the model was not trained on: the truths of inverse problems where it cannot draw."""
        return None


@lru_cache(maxsize=64)
def decoded_shape(model: DataDistribution) -> tuple[int, ...]:
    """The shape of a decoded latent of zeros. UsageError where the model cannot decode it."""
    import torch

    try:
        with torch.inference_mode():
            return tuple(model.decode(torch.zeros(1, *model.shape)).shape[1:])
    except Exception as error:
        raise UsageError(
            f"model {model.name} does not decode a latent of zeros of shape {model.shape} on the CPU: "
            f"{sentence(error)} (or set the model's property data_shape to the shape that decode returns)."
        ) from error
