"""The denoiser D(x, σ) = E[x_0 | x_0 + σ n = x]: any network or formula in canonical coordinates, counted and timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from benchbox.acceleration import PLAIN, Acceleration
from benchbox.conditional import COUNTERS, Conditional, Conditions
from benchbox.device import clock
from benchbox.errors import UsageError, no_gradients
from benchbox.jumping import check_target, network_jump
from benchbox.model import Model
from benchbox.prediction import Wrapped
from benchbox.stopping import check_time

Formula = Callable[..., Tensor]
"""(x, sigma, **conditions) to D(x, σ)."""


class Denoiser(Conditional):
    """D(x, σ) of a model, counted per sample and timed at the model's boundary: nothing is taken on trust.

    Call it with x of shape (batch, *shape) and any float σ > 0. A level outside the range of the model's schedule is
    clamped, and counted in `clamped`. `rows` counts evaluations times samples, `backward_rows` those of `vjp`; what a
    guidance asks besides, and of other networks (`guides`), is in `Conditional`.
    OutOfTime where the time limit of the work is over; UsageError where the model takes gradients and does not say so.
    """

    def __init__(
        self, model: Model, device: torch.device, dtype: torch.dtype = torch.float32,
        acceleration: Acceleration = PLAIN,
    ) -> None:  # fmt: skip
        super().__init__()
        self.acceleration = acceleration
        self.model, self.device, self.dtype, self.needs_grad = model, device, dtype, model.needs_grad
        formula = model.denoiser(device)
        self.formula: Formula = formula or Wrapped(model, device, dtype, acceleration)
        self.doubles = formula is None
        self.jumping = (model.jump(device) or network_jump(model, self.formula)) if model.jumps else None
        schedule = None if formula else model.schedule
        self.low = 0.0 if schedule is None else float(schedule.sigma(schedule.t_min)) * (1 - 1e-9)
        self.high = math.inf if schedule is None else float(schedule.sigma(schedule.t_max)) * (1 + 1e-9)
        self.reset()

    def reset(self) -> None:
        """Set the counters and the clock back to nothing."""
        for name in COUNTERS:
            setattr(self, name, 0)
        self.clock = clock(self.device)
        for guide in self.guides.values():
            guide.reset()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.under(x, sigma, self.conditions)

    def jump(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        """The state at σ' < σ on the trajectory through x at σ, in one evaluation; σ' = 0 is the data.

        UsageError where the model does not jump, or not to σ'.
        """
        check_target(self.model, sigma, sigma_next)
        assert self.jumping is not None
        state: Tensor = self.clock(self.jumping, x, self.counted(x, sigma), sigma_next, **self.conditions)
        return state

    def counted(self, x: Tensor, sigma: float) -> float:
        """σ within the range of the model; the evaluations are counted, and whether the level was in the range."""
        check_time()
        self.rows += len(x)
        if self.low <= sigma <= self.high:
            return sigma
        self.clamped += len(x)
        return min(max(sigma, self.low), self.high)

    def under(self, x: Tensor, sigma: float, conditions: Conditions) -> Tensor:
        if not self.model.denoises:
            raise UsageError(f"model {self.model.title} only jumps: it is no denoiser.")
        sigma = self.counted(x, sigma)
        denoised = self._timed(x, sigma, conditions)
        if self.model.learned_variance and (self.variance is None or conditions is self.conditions):
            self.variance = getattr(self.formula, "variance", None)
        return denoised

    def _timed(self, x: Tensor, sigma: float, conditions: Conditions) -> Tensor:
        if self.needs_grad and not x.requires_grad:
            return self.clock(self._with_gradients, x, sigma, conditions)
        try:
            return self.clock(self.formula, x, sigma, **conditions)
        except RuntimeError as error:
            if told := no_gradients(self.model.title, error):
                raise told from error
            raise

    def _with_gradients(self, x: Tensor, sigma: float, conditions: Conditions) -> Tensor:
        """D where gradients can be taken inside the model, of tensors that are not the sampler's own."""
        with torch.inference_mode(False), torch.enable_grad():
            own = {name: value.clone() for name, value in conditions.items()}
            return self.formula(x.clone(), sigma, **own).detach()

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        """D(x, σ) and the gradient of ⟨v, D⟩ with respect to x: one evaluation and one backward."""
        denoised, pull = self.pullback(x, sigma)
        return denoised, pull(v)

    def pullback(self, x: Tensor, sigma: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """D(x, σ), and v ↦ Jᵀ v with J = ∂D/∂x: one evaluation, and one backward for each call."""
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.clone().requires_grad_()
            denoised = self(leaf, sigma)

        def pull(v: Tensor) -> Tensor:
            self.backward_rows += len(x)
            with torch.inference_mode(False):
                gradient: Tensor = self.clock(torch.autograd.grad, denoised, leaf, v.clone(), retain_graph=True)[0]
            return gradient

        return denoised.detach(), pull


@lru_cache(maxsize=4)
def loaded_denoiser(model: Model, device: str, dtype: str, acceleration: Acceleration) -> Denoiser:
    """The denoiser of a model, loaded once per process; device and dtype by their names in torch."""
    return Denoiser(model, torch.device(device), getattr(torch, dtype), acceleration)
