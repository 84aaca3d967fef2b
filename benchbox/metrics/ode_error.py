"""The pathwise error of an ODE sampler."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.jumping import require_denoiser
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.ode_solution import kept_solution, solution, starts, tolerance_of

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model


@dataclass(frozen=True)
class ODEError(Metric):
    """Distance of samples from the exact solution of the probability-flow ODE from the same noise (Song et al. 2021,
    eq. 13): the root mean square over the first `samples` samples and their coordinates.

    The solution ends at the run's last level, or at sigma_min, so that grids with different last levels are compared
    with the same solution. Meant for deterministic samplers; for a stochastic sampler the distance includes its noise.
    The evaluations of the exact solution (dopri5, tight tolerance) do not count in the run's NFE. Memory: `samples`
    numbers.
    """

    name = "ode_error"
    samples: int = 64
    sigma_min: float | None = field(default=None, metadata={"later": True})

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError("samples must be at least 1.")
        if self.sigma_min is not None and self.sigma_min <= 0:
            raise ValueError("sigma_min must be above 0.")

    def check(self, model: Model) -> None:
        require_denoiser(f"metric {self.name}", model)

    def start(self, context: Context) -> ODEErrorAccumulator:
        return ODEErrorAccumulator(context, self.samples, self.sigma_min)


class ODEErrorAccumulator(Accumulator):
    """Stores squared distances by sample number, so that their order does not matter."""

    def __init__(self, context: Context, samples: int, sigma_min: float | None = None) -> None:
        from benchbox.guidance import guided  # it imports torch

        self.context, self.samples = context, samples
        self.end = sigma_min or context.grid.sigmas[-1]
        self.denoise = guided(context.guidance, copy.copy(context.denoiser), context.grid)
        self.denoise.reset()
        self.squares: dict[int, float] = {}

    def update(self, batch: Tensor, index: Tensor) -> None:
        keep = (index < self.samples).nonzero().flatten()
        if not len(keep):
            return
        index = index[keep]
        difference = batch[keep].double() - self.exact(index).double()
        means = difference.flatten(1).square().mean(1)
        self.squares |= dict(zip(index.tolist(), means.tolist(), strict=True))

    def exact(self, index: Tensor) -> Tensor:
        """The samples with these numbers: the ODE solution from their starts, finished like the run."""
        c = self.context
        key = (
            c.model, c.guidance, c.schedule, c.seed, c.final, c.noise_block, str(c.noise_device), str(c.device),
            str(c.denoiser.dtype), c.grid.times[0], c.grid.sigmas[0], self.end, *index.tolist(),
        )  # fmt: skip
        return kept_solution(key, lambda: self.solve(index))

    def solve(self, index: Tensor) -> Tensor:
        import torch

        context, sigmas = self.context, self.context.grid.sigmas
        self.denoise.at(index)
        with torch.inference_mode():
            x = starts(context, index) * context.grid.start_std
            x = solution(self.denoise, x, sigmas[0], self.end, tolerance_of(self.denoise))
            if context.final == "denoise":
                x = self.denoise(x, self.end)
            return context.model.decode(x)

    def merge(self, other: ODEErrorAccumulator) -> None:
        self.squares |= other.squares

    def state(self) -> dict[str, NDArray[Any]]:
        return {"index": np.array(list(self.squares), dtype=np.int64), "squares": np.array(list(self.squares.values()))}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.squares = dict(zip(state["index"].tolist(), state["squares"].tolist(), strict=True))

    def compute(self) -> dict[str, float | str | None]:
        values = [self.squares[i] for i in sorted(self.squares)]
        return {"ode_error": float(np.sqrt(np.mean(values))) if values else None}
