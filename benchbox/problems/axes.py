"""The axes of a sample along which an image operator acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def spatial_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of an image (channels, h, w); all axes of a vector or a matrix."""
    return shape if len(shape) <= 2 else shape[-2:]


def along_each_axis(x: Tensor, matrices: list[Tensor]) -> Tensor:
    """Multiply the last axes of x, one matrix (m, n) for each, in order."""
    for axis, matrix in zip(range(-len(matrices), 0), matrices, strict=True):
        x = (x.movedim(axis, -1) @ matrix.to(x).mT).movedim(-1, axis)
    return x
