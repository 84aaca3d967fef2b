"""The Wasserstein distance to Gaussian data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.blocks import BlockMoments, block_error
from benchbox.metrics.frechet import Matrix, Moments, gaussian_w2
from benchbox.metrics.posterior import PosteriorW2
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.problem import Problem


@dataclass(frozen=True)
class W2(Metric):
    """W2 between the Gaussian with the samples' mean and covariance and the data's exact Gaussian law.

    Estimated from samples, it is biased upward: an exact sampler has about √(1.5 tr Σ/n). `benchbox check` computes the
    exact value. `w2_std` is the standard error from `blocks` disjoint blocks of samples; it does not include the bias.
    Under an inverse problem w2 is the distance to the exact posterior of each measurement, averaged, and `w2_std` its
    standard error over measurements.
    blocks=1: no standard error. Memory: one covariance per block.
    """

    name = "w2"
    blocks: int = 10

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise ValueError("blocks must be at least 1.")

    def check(self, model: Model) -> None:
        if model.gaussian_law() is None:
            raise UsageError(f"metric w2 needs Gaussian data, and those of model {model.name} are not: use sw2.")
        if model.latent:
            raise UsageError(
                f"metric w2 cannot measure latent model {model.name}: its Gaussian law is that of the latents."
            )

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        if problem is not None:
            problem.require_linear(self.name)

    def start(self, context: Context) -> Accumulator:
        if context.measurements is not None:
            return PosteriorW2(context.model, context.measurements)
        law = context.model.gaussian_law()
        assert law is not None
        return W2Accumulator(*law, self.blocks)


class W2Accumulator(BlockMoments, Accumulator):
    """Moments of blocks of samples."""

    def __init__(self, mean: Matrix, root: Matrix, blocks: int) -> None:
        """root: the symmetric root of the reference covariance."""
        super().__init__(len(mean), blocks)
        self.mean, self.root = mean, root

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.add(batch.flatten(1).double().cpu().numpy(), index.cpu().numpy())

    def distance(self, moments: Moments) -> float:
        return gaussian_w2(moments.mean, moments.covariance, self.mean, self.root)

    def compute(self) -> dict[str, float | str | None]:
        total = self.total
        if total.n < 2:
            return {"w2": None, "w2_std": None}
        blocks = [block for block in self.moments if block.n > 1]
        error = block_error([self.distance(block) for block in blocks], [block.n for block in blocks])
        return {"w2": self.distance(total), "w2_std": error}
