"""The rules for inverse problems: linear where it says so, its adjoint, and nothing that couples a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchbox.errors import UsageError
from benchbox.exact.rules import ROUNDING, Rule, RuleResult, image, large_image, relative, vector
from benchbox.measurement import pose
from benchbox.problem import Problem, has_adjoint

BATCH = 6


def subjects(problem: Problem) -> Iterator[tuple[Problem, Tensor, Tensor]]:
    """The problem for data that it can measure, a vector or an image, with two batches of samples.

    UsageError where it can measure neither.
    """
    refused: UsageError | None = None
    posed = False
    for model in (vector(), image(), large_image()):
        try:
            own = pose(problem, model)
        except UsageError as error:
            refused = error
            continue
        posed = True
        draws = np.random.default_rng(0).standard_normal((2, BATCH, *model.shape))
        yield own, torch.as_tensor(draws[0]), torch.as_tensor(draws[1])
    if not posed and refused is not None:
        raise refused


def worst(problem: Problem, error: Callable[[Problem, Tensor, Tensor], float]) -> float:
    """The largest error over all subjects."""
    return max(error(*subject) for subject in subjects(problem))


def outcome(name: str, off: float, measured: str, expected: str) -> RuleResult:
    return RuleResult(name, off <= ROUNDING, f"{measured} {off:.1e}", expected)


def linearity(problem: Problem) -> RuleResult:
    def error(own: Problem, x: Tensor, z: Tensor) -> float:
        return relative(own.forward(2 * x - 3 * z), 2 * own.forward(x) - 3 * own.forward(z))

    if not problem.linear:
        return RuleResult("linear", None, "it says that it is not linear", "A(a x + b z) = a A x + b A z")
    return outcome("linear", worst(problem, error), "A(a x + b z) differs by", "A(a x + b z) = a A x + b A z")


def adjoint(problem: Problem) -> RuleResult:
    """⟨A x, y⟩ against ⟨x, Aᵀ y⟩ for random x and y, each sample alone, relative to ‖A x‖ ‖y‖."""

    def error(own: Problem, x: Tensor, z: Tensor) -> float:
        ax = own.forward(x).flatten(1)
        y = own.forward(z) + torch.as_tensor(np.random.default_rng(1).standard_normal(own.forward(z).shape))
        back = own.adjoint(y).reshape(BATCH, -1)
        left, right = (ax * y.flatten(1)).sum(1), (x.flatten(1) * back).sum(1)
        return float(((left - right).abs() / (ax.norm(dim=1) * y.flatten(1).norm(dim=1)).clamp_min(1e-300)).max())

    expected = "⟨A x, y⟩ = ⟨x, Aᵀ y⟩"
    if not has_adjoint(problem):
        return RuleResult("adjoint", None, "it has none", expected)
    return outcome("adjoint", worst(problem, error), "⟨A x, y⟩ and ⟨x, Aᵀ y⟩ differ by", expected)


def problem_per_sample(problem: Problem) -> RuleResult:
    def error(own: Problem, x: Tensor, _: Tensor) -> float:
        return relative(own.forward(x), torch.cat([own.forward(batch) for batch in x.split([1, 2, BATCH - 3])]))

    return outcome("batch", worst(problem, error), "A x differs in other batches by", "the same A x")


def repeats(problem: Problem) -> RuleResult:
    def error(own: Problem, x: Tensor, z: Tensor) -> float:
        first = own.forward(x)
        own.forward(z)
        return relative(own.forward(x), first)

    return outcome("repeats", worst(problem, error), "A x differs the second time by", "no state, and no noise")


def differentiable(problem: Problem) -> RuleResult:
    """The derivative along a direction, by autograd, against a difference quotient."""

    def error(own: Problem, x: Tensor, z: Tensor) -> float:
        step = 1e-6
        _, slope = torch.autograd.functional.jvp(own.forward, x, z)
        quotient = (own.forward(x + step * z) - own.forward(x - step * z)) / (2 * step)
        return relative(slope, quotient) * 1e-5 if bool(quotient.any()) else 0.0

    off = worst(problem, error)
    return outcome("differentiable", off, "its derivative differs by 1e5 ×", "torch differentiates forward")


PROBLEM_RULES: tuple[tuple[str, Rule], ...] = (
    ("linear", linearity), ("adjoint", adjoint), ("batch", problem_per_sample), ("repeats", repeats),
    ("differentiable", differentiable),
)  # fmt: skip
