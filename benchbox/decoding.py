"""The shape of the data that a latent model decodes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from benchbox.errors import UsageError, sentence

if TYPE_CHECKING:
    from benchbox.model import Model


@lru_cache(maxsize=64)
def decoded_shape(model: Model) -> tuple[int, ...]:
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
