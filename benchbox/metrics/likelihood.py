"""The likelihood of data under a model by the probability-flow ODE."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from benchbox.errors import UsageError
from benchbox.metric import Context
from benchbox.metrics.data import Columns, Data, OfModel, OnData
from benchbox.metrics.flow import Solver
from benchbox.model import Model
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser

EXACT_UP_TO = 16
"""Largest dimension in which the trace is exact by default."""

NUMBERS = 2**16
"""Numbers in one batch of the model: data × probes × dimensions."""


@dataclass(frozen=True)
class BitsPerDim(OnData):
    """Bits per dimension of data under the model, −log2 p(x)/dim, by the probability-flow ODE (Song et al. 2021, §4.3).

    The data are images from a file, with uniform dequantisation (bits per pixel and channel), or exact draws of an
    analytic model. The metric measures the model on the noise levels of the run's schedule; the samples are not used.

    data: an .npz of images (array `key`), of which `samples` are used; labels: the array of their classes (default:
    unconditional). probes: Rademacher vectors per image for Hutchinson's estimate of the trace of the Jacobian, drawn
    with `probe_seed`; 0 computes the exact trace, the default up to 16 dimensions. method, and tolerance or steps:
    as in torchdiffeq.

    `bpd_std` is the standard error over data and probes, `bpd_probe_std` over the probes alone (2 or more).
    """

    name = "bpd"
    probes: int | None = None
    probe_seed: int = 0
    method: Literal["dopri5", "dopri8", "bosh3", "rk4", "midpoint"] = "dopri5"
    tolerance: float | None = None
    steps: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.probes or 0) < 0 or self.steps < 1 or (self.tolerance or 1) <= 0:
            raise ValueError("probes must be at least 0, steps at least 1, and tolerance above 0.")

    def start(self, context: Context) -> OfModel:
        return OfModel(partial(bits_per_dim, self, context.denoiser, context.schedule))


@lru_cache(maxsize=2)
def bits_per_dim(metric: BitsPerDim, denoiser: Denoiser, schedule: Schedule) -> Columns:
    """The columns. They are cached because they are the same for all samplers of a sweep."""
    import torch

    denoise = copy.copy(denoiser)
    denoise.reset()
    data = metric.read(denoise.model)
    probes = (0 if data.dim <= EXACT_UP_TO else 1) if metric.probes is None else metric.probes
    solver = Solver(denoise, schedule, probes, metric)
    generator = torch.Generator().manual_seed(0)
    x = data.x0 if data.width is None else data.x0 + data.width * (torch.rand(data.x0.shape, generator=generator) - 0.5)
    rows = max(1, NUMBERS // (data.dim * (probes or data.dim)))
    nats = torch.cat([
        solver(x[i : i + rows], None if data.labels is None else data.labels[i : i + rows])
        for i in range(0, len(x), rows)
    ])  # fmt: skip
    per_bit = 1 / (data.dim * math.log(2))
    bits = nats.cpu() * per_bit - (0 if data.width is None else math.log2(data.width))
    mean, error = with_control(bits.mean(1), data, denoise.model, per_bit)
    probe_error = float(bits.var(1).mean() / bits.numel()) ** 0.5 if probes > 1 else None
    return {"bpd": mean, "bpd_std": error, "bpd_probe_std": probe_error, "bpd_probes": probes}


def with_control(bits: Tensor, data: Data, model: Model, per_bit: float) -> tuple[float, float]:
    """Mean and standard error over the data. For draws of a Gaussian law, the exact log-density is a control variate
    with a known mean (Owen 2013, §8.9), so that only the error of the ODE solution remains.
    """
    law, known_mean = model.gaussian_law(), 0.0
    if law is not None and data.width is None:
        exact, entropy = gaussian_nats(data.x0, *law)
        bits, known_mean = bits - exact * per_bit, entropy * per_bit
    return known_mean + float(bits.mean()), float(bits.std()) / math.sqrt(len(bits))


def gaussian_nats(x: Tensor, mean: Any, root: Any) -> tuple[Tensor, float]:
    """−log p(x) of draws of N(mean, root²), and the entropy. UsageError where the law has no density."""
    import torch

    values, vectors = np.linalg.eigh(root)
    if values[0] <= 1e-12 * values[-1]:
        raise UsageError("the data lie in a subspace and so have no density: leave out metric bpd.")
    log_det = float(np.log(2 * math.pi * values**2).sum()) / 2
    z = (x.flatten(1) - torch.as_tensor(mean)) @ torch.as_tensor(vectors / values)
    return log_det + z.square().sum(1) / 2, log_det + len(values) / 2
