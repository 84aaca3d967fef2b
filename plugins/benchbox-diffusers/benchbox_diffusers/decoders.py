"""The decoder of latents: a pipeline's VAE."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchbox_diffusers.checkpoints import json_of
from benchbox_diffusers.weights import find


@lru_cache(maxsize=2)
def decoder(
    folder: Path, variant: str | None, trust_pickle: bool, dtype: str, slicing: bool, tiling: bool, device: str
) -> Any:
    """The VAE in a folder, loaded once per process and device.

    slicing: one sample at a time. tiling: in overlapping tiles, which changes the picture a little. A VAE that
    overflows in float16 (`force_upcast`, as SDXL's) stays in float32.
    """
    config = json_of(folder / "config.json")
    dtype = "float32" if dtype == "float16" and config.get("force_upcast", False) else dtype
    vae = find(folder, variant, trust_pickle).load(folder, str(config["_class_name"]), dtype)
    if slicing:
        vae.enable_slicing()
    if tiling:
        vae.enable_tiling()
    return vae.to(device).eval().requires_grad_(False)


def decode(vae: Any, z: Tensor) -> Tensor:
    """The pictures of scaled latents (batch, c, h, w), in [−1, 1] except for overshoot."""
    return vae.decode(unscaled(vae.config, z).to(vae.dtype), return_dict=False)[0].to(z.dtype)


def unscaled(config: Any, z: Tensor) -> Tensor:
    """The VAE's own latents: z divided by the scaling factor, and shifted, or with a mean and std for each channel."""
    mean, std = (config.get(f"latents_{name}") for name in ("mean", "std"))
    if mean is not None and std is not None:
        mean, std = (torch.tensor(value, dtype=z.dtype, device=z.device).view(1, -1, 1, 1) for value in (mean, std))
        return z * std / config["scaling_factor"] + mean
    return z / config["scaling_factor"] + (config.get("shift_factor") or 0.0)
