"""Inpainting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox.errors import UsageError
from benchbox.problem import Problem
from benchbox.problems.axes import spatial_shape

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Inpaint(Problem):
    """A part of the sample is missing: A x = mask · x.

    One of: box, the side of a missing square in the centre; half, the half that is missing (default: right); random,
    the share of missing pixels, drawn with `mask_seed`. A vector is an image of one row: its right half is the last
    one. All channels have the same mask.
    """

    name = "inpaint"
    box: int | None = None
    half: Literal["left", "right", "top", "bottom"] | None = None
    random: float | None = None
    mask_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(option is not None for option in (self.box, self.half, self.random)) > 1:
            raise ValueError("give one of box, half and random.")
        if self.box is not None and self.box < 1:
            raise ValueError("box must be at least 1.")
        if self.random is not None and not 0 < self.random < 1:
            raise ValueError("random is the share of missing pixels, between 0 and 1.")

    def check(self, shape: tuple[int, ...]) -> None:
        if self.box is not None and self.box > min(spatial_shape(shape)):
            raise UsageError(f"problem inpaint: a box of side {self.box} does not fit into samples of shape {shape}.")
        if not self.known(spatial_shape(shape)).any():
            raise UsageError(f"problem inpaint leaves nothing of samples of shape {shape}.")

    def known(self, size: tuple[int, ...]) -> Tensor:
        """The mask: True where a pixel is measured."""

        import torch

        if self.random is not None:
            return torch.as_tensor(np.random.default_rng(self.mask_seed).random(size) >= self.random)
        known = torch.ones(size, dtype=torch.bool)
        if self.box is not None:
            starts = [(n - self.box) // 2 for n in size]
            known[tuple(slice(start, start + self.box) for start in starts)] = False
            return known
        half = self.half or "right"
        axis = 0 if half in ("top", "bottom") else len(size) - 1
        middle = size[axis] // 2
        first = half in ("left", "top")
        known.narrow(axis, 0 if first else middle, middle if first else size[axis] - middle).fill_(False)
        return known

    def forward(self, x: Tensor) -> Tensor:
        return x * self.known(spatial_shape(tuple(x.shape[1:]))).to(x)

    def adjoint(self, y: Tensor) -> Tensor:
        return self.forward(y)
