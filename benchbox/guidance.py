"""Guidances: a denoiser made of the conditional and the unconditional denoiser of a network, and of other networks."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model
    from benchbox.problem import Problem

NO_LIMIT = "no continuous limit: the target moves with the number of steps"
"""The reason in a row whose guidance has no continuous limit."""

Denoise = Callable[["Tensor", float], "Tensor"]
"""(x, sigma) to D(x, σ)."""


class Guidance(ABC):
    """A denoiser that wraps a denoiser; a frozen dataclass whose fields are its options.

    The scale is spelled s: D_u + s (D_c − D_u), neutral at 1. Everything is per sample. `continuous_limit` is False
    where the target moves with the number of steps: rows say so, and no curve over NFE is drawn through them.
    `uses_measurement` is True for the posterior denoisers of inverse problems, which find `denoise.measurement`.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    continuous_limit: ClassVar[bool] = True
    uses_measurement: ClassVar[bool] = False

    @property
    def jumps(self) -> tuple[float, ...]:
        """The levels σ at which the guided denoiser jumps: it is continuous from below. The run's grid gets them."""
        return ()

    def check(self, model: Model) -> None:  # noqa: B027 (some guidances ask nothing special of a model)
        """Raise UsageError, before any work, where the model cannot be guided so."""

    def check_problem(self, problem: Problem, model: Model) -> None:  # noqa: B027 (some take any)
        """Raise UsageError, before any work, where the guidance cannot use a measurement of this problem."""

    @abstractmethod
    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        """The guided denoiser of one batch: it is made anew for each, so it may keep a state.

        `denoise(x, sigma)` is conditional, `denoise.unconditional(x, sigma)` the same network without the condition,
        `denoise.both(x, sigma)` the two in one doubled call, `denoise.guide(model)` another model's denoiser under the
        same condition.
        """

    @abstractmethod
    def cost(self, sigma: float) -> int:
        """The network evaluations, of all networks, that one guided evaluation at σ takes for each sample."""


def require_unconditional(guidance: Guidance, model: Model) -> None:
    """UsageError for a model that has no condition, or cannot be evaluated without it."""
    import torch  # here, because `benchbox list` imports this module

    from benchbox.errors import UsageError

    index = torch.arange(1)
    if not model.conditions(index):
        raise UsageError(f"guidance {guidance.name} needs a model with a condition: model {model.title} has none.")
    if model.unconditional(index) is None:
        raise UsageError(
            f"guidance {guidance.name} needs a model that can be evaluated without its condition: "
            f"model {model.title} cannot."
        )


class Guided:
    """A guided denoiser of one batch; samplers use it like a `Denoiser`."""

    def __init__(self, guidance: Guidance, denoise: Denoiser, levels: Levels) -> None:
        self.guidance, self.base, self.levels = guidance, denoise, levels
        self.ask = guidance(denoise, levels)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.base.guided_calls += len(x)
        return self.ask(x, sigma)

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """The guided D(x, σ), and v of the network itself under the samples' condition, which no guidance changes.

        This is what the pipeline of DiT does (Peebles & Xie 2023), and ADM's sampling.
        """
        return self.base.and_variance(self, x, sigma)

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        """The guided D(x, σ) and the gradient of ⟨v, D⟩ with respect to x: a backward for each evaluation in it."""
        denoised, pull = self.pullback(x, sigma)
        return denoised, pull(v)

    def pullback(self, x: Tensor, sigma: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The guided D(x, σ), and v ↦ Jᵀ v: each call a backward for each evaluation in D."""
        import torch

        before = self.base.evaluations
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.clone().requires_grad_()
            denoised = self(leaf, sigma)
        spent = self.base.evaluations - before

        def pull(v: Tensor) -> Tensor:
            self.base.backward_rows += spent
            with torch.inference_mode(False):
                return torch.autograd.grad(denoised, leaf, v.clone(), retain_graph=True)[0]

        return denoised.detach(), pull

    def __copy__(self) -> Guided:
        return Guided(self.guidance, copy.copy(self.base), self.levels)

    def __getattr__(self, name: str) -> Any:
        if name == "base":  # not there yet, as in a copy under way
            raise AttributeError(name)
        return getattr(self.base, name)


def guided(guidance: Guidance | None, denoise: Denoiser, levels: Levels) -> Denoiser:
    """The guided denoiser; the denoiser itself without a guidance."""
    return denoise if guidance is None else cast("Denoiser", Guided(guidance, denoise, levels))


def guided_levels(guidance: Guidance | None, levels: Levels) -> Levels:
    """The levels of a run under the guidance: through its jumps."""
    return levels if guidance is None else levels.through(guidance.jumps)
