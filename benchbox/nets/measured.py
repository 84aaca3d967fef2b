"""The measurement of an inverse problem as channels beside those of the sample, for conditional networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchbox.errors import UsageError
from benchbox.measurement import seen_entries
from benchbox.options import hints
from benchbox.problem import Problem
from benchbox.registry import registry


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


def parsed_problem(text: str) -> Problem:
    """A problem as NAME[:VALUE][:OPTION=VALUE…]; a value alone is that of the first option, such as a factor."""
    name, *parts = text.split(":")
    cls = registry().find("problem", name).cls
    own = [option for option in hints(cls) if option not in Problem.__dataclass_fields__]
    options = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals and not own:
            raise UsageError(f"--problem {text}: {name} has no options of its own.")
        options.update({option: value} if equals else {own[0]: part})
    problem: Problem = registry().get("problem", name, options)
    return problem
