"""The measurement of an inverse problem as channels beside those of the sample, for conditional networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchbox.errors import UsageError
from benchbox.measurement import seen_entries
from benchbox.problem import Problem


def upsampled(y: Tensor, size: Sequence[int]) -> Tensor:
    """Measurements (batch, channels, h, w) at the size of the samples, by bicubic interpolation.

    As in SR3 (Saharia et al. 2023, arXiv:2104.07636, §2.1).
    """
    return y if tuple(y.shape[2:]) == tuple(size) else interpolate(y, size=tuple(size), mode="bicubic")


def measured_channels(problem: Problem, shape: Sequence[int]) -> int:
    """The channels of a measurement of samples of this shape. UsageError where it is no image."""
    problem.check(tuple(shape))
    y = problem.forward(torch.zeros(1, *shape))
    if y.ndim != 4:
        raise UsageError(f"a network takes measurements that are images, and problem {problem.name} measures none.")
    return int(y.shape[1])


def measure_batch(problem: Problem, x: Tensor, generator: torch.Generator) -> Tensor:
    """A(x) + σ_y n of a batch, upsampled."""
    y = problem.forward(x)
    noise = torch.randn(y.shape, generator=generator, device=y.device)
    seen = seen_entries(problem, tuple(x.shape[1:])).to(y.device)
    return upsampled(y + problem.sigma_y * noise * seen, x.shape[2:])
