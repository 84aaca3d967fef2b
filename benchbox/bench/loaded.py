"""The denoisers that a process has loaded."""

from __future__ import annotations

from functools import lru_cache

import torch

from benchbox.acceleration import Acceleration
from benchbox.denoiser import Denoiser
from benchbox.model import Model


@lru_cache(maxsize=4)
def loaded_denoiser(model: Model, device: str, dtype: str, acceleration: Acceleration) -> Denoiser:
    """The model's denoiser, loaded once per process for all cells that use it."""
    return Denoiser(model, torch.device(device), getattr(torch, dtype), acceleration)
