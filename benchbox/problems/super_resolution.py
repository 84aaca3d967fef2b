"""Super-resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from benchbox.errors import UsageError
from benchbox.problem import Problem
from benchbox.problems.axes import along_each_axis, spatial_shape

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SuperResolution(Problem):
    """A smaller image is measured: `factor` times fewer pixels along each axis.

    filter: the mean of each block (average), or antialiased bicubic interpolation (as torch and Pillow do it).
    """

    name = "super-resolution"
    factor: int = 2
    filter: Literal["average", "bicubic"] = "average"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor < 1:
            raise ValueError("factor must be at least 1.")

    def check(self, shape: tuple[int, ...]) -> None:
        if any(n % self.factor for n in spatial_shape(shape)):
            raise UsageError(
                f"problem super-resolution: factor {self.factor} does not divide samples of shape {shape}."
            )

    def rows(self, n: int) -> Tensor:
        """The operator along an axis of n pixels, (n/factor, n)."""
        return downsampling(n, self.factor, self.filter)

    def forward(self, x: Tensor) -> Tensor:
        return along_each_axis(x, [self.rows(n) for n in spatial_shape(tuple(x.shape[1:]))])

    def adjoint(self, y: Tensor) -> Tensor:
        return along_each_axis(y, [self.rows(n * self.factor).mT for n in spatial_shape(tuple(y.shape[1:]))])


@lru_cache(maxsize=32)
def downsampling(n: int, factor: int, name: str) -> Tensor:
    """The matrix (n/factor, n) of a filter, float64."""

    import torch
    from torch.nn.functional import interpolate

    with torch.inference_mode(False):
        pixels = torch.eye(n, dtype=torch.float64)
        if name == "average":
            return pixels.view(n // factor, factor, n).mean(1)
        return interpolate(pixels[None, None], size=(n // factor, n), mode="bicubic", antialias=True)[0, 0]
