"""The law of a finite data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.files import array_in, reading
from benchbox.models.analytic import Analytic, FloatVector

if TYPE_CHECKING:
    from torch import Tensor

IMAGES_PER_CHUNK = 4096
"""Data points per chunk of the sum, which bounds the memory."""


@dataclass(frozen=True)
class Empirical(Analytic):
    """The exact denoiser of a finite data set: D(x, σ) = Σ softmax_i(−‖x − x_i‖²/2σ²) x_i (Karras et al. 2022, eq. 57).

    data: an .npy of points, or an .npz (array `key`; uint8 images are scaled to [−1, 1]); by default 12 points on two
    circles. limit: use only the first `limit` points. The sum is a running log-sum-exp in float64, stable at
    every σ.
    """

    name = "empirical"
    data: Path | None = None
    key: str = "x_train"
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError("limit must be at least 1.")
        if self.data is not None and not self.data.is_file():
            raise ValueError(f"there is no file {self.data}.")

    @cached_property
    def stored(self) -> NDArray[Any]:
        if self.data is None:
            angle = np.arange(12) * np.pi / 6
            return np.stack([np.cos(angle), np.sin(angle)], 1) * np.where(np.arange(12) % 2, 1.0, 3.0)[:, None]
        expected = f"an .npy of points, or an .npz with an array {self.key!r} of them"
        with reading(self.data, expected):
            points = array_in(self.data, expected, self.key)
            if points.ndim < 2 or not points.size or not np.isfinite(points).all():
                raise ValueError(f"points are finite numbers of shape (n, …), not {points.dtype} {points.shape}")
            if points.dtype == np.uint8 and points.ndim not in (3, 4):
                raise ValueError(f"uint8 images are (n, h, w) or (n, h, w, c), not {points.shape}")
            return points[: self.limit]

    @cached_property
    def points(self) -> FloatVector:
        """The data, (n, *shape)."""
        points = self.stored
        if points.dtype == np.uint8:
            points = (points[:, None] if points.ndim == 3 else points.transpose(0, 3, 1, 2)) / 127.5 - 1
        return np.asarray(points, dtype=np.float64)

    @property
    def data_range(self) -> tuple[float, float] | None:
        return (-1.0, 1.0) if self.stored.dtype == np.uint8 else None

    @property
    def dataset(self) -> str:
        return "empirical" if self.data is None else self.data.stem

    @property
    def shape(self) -> tuple[int, ...]:
        return self.points.shape[1:]

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        import torch

        points = torch.as_tensor(self.points, device=device).flatten(1)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            flat = x.flatten(1).double()
            top = torch.full((len(flat), 1), -torch.inf, dtype=torch.float64, device=x.device)
            total, mean = torch.zeros_like(top), torch.zeros_like(flat)
            for chunk in points.split(IMAGES_PER_CHUNK):
                # ‖x − x_i‖² without ‖x‖², which cancels in the softmax
                logits = (flat @ chunk.mT - 0.5 * chunk.square().sum(1)) / sigma**2
                new_top = torch.maximum(top, logits.amax(1, keepdim=True))
                decay, weights = (top - new_top).exp(), (logits - new_top).exp()
                total, mean, top = total * decay + weights.sum(1, keepdim=True), mean * decay + weights @ chunk, new_top
            return (mean / total).to(x.dtype).view(x.shape)

        return denoise

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        return torch.as_tensor(self.points[np.random.default_rng(seed).integers(len(self.points), size=n)])
