"""Posterior denoisers: D_y ≈ E[x_0 | x, y] for the measurement y of an inverse problem."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.guidance import Denoise, Guidance
from benchbox.problem import has_adjoint

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.measurement import Measurement
    from benchbox.model import Model
    from benchbox.problem import Problem


class PosteriorDenoiser(Guidance):
    """A guidance towards the measurement in `denoise.measurement`; each evaluation asks the network once."""

    uses_measurement = True

    def check_problem(self, problem: Problem, model: Model) -> None:
        if not problem.linear:
            raise UsageError(f"guidance {self.name} needs a linear problem, and {problem.name} is not linear: use dps.")

    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        def posterior(x: Tensor, sigma: float) -> Tensor:
            assert denoise.measurement is not None
            return self.mean(denoise, x, sigma, denoise.measurement, levels)

        return posterior

    @abstractmethod
    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        """D_y(x, σ)."""

    def cost(self, sigma: float) -> int:
        return 1


def require_adjoint(guidance: Guidance, problem: Problem) -> None:
    """UsageError where a linear problem does not define its adjoint."""
    if not has_adjoint(problem):
        raise UsageError(
            f"guidance {guidance.name} needs the adjoint of the operator: problem {problem.name} has none."
        )
