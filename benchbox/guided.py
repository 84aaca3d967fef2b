"""A denoiser under a guidance, as a sampler sees it; the networks below it are counted, and so are its own calls."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.guidance import Guidance


class Guided:
    """A guidance over a denoiser, made anew for each batch; it stands for a `Denoiser` wherever a sampler has one."""

    def __init__(self, guidance: Guidance, denoise: Denoiser, levels: Levels) -> None:
        self.guidance, self.base, self.levels = guidance, denoise, levels
        self.ask = guidance(denoise, levels)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.base.guided_calls += len(x)
        return self.ask(x, sigma)

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        """The guided D(x, σ) and the gradient of ⟨v, D⟩ with respect to x: a backward for each evaluation in it."""
        before = self.base.evaluations
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            denoised = self(leaf, sigma)
            (gradient,) = torch.autograd.grad(denoised, leaf, v)
        self.base.backward_rows += self.base.evaluations - before
        return denoised.detach(), gradient

    def __copy__(self) -> Guided:
        return Guided(self.guidance, copy.copy(self.base), self.levels)

    def __getattr__(self, name: str) -> Any:
        if name == "base":  # not there yet, as in a copy under way
            raise AttributeError(name)
        return getattr(self.base, name)


def guided(guidance: Guidance | None, denoise: Denoiser, levels: Levels) -> Denoiser:
    """The denoiser under the guidance; itself where there is none."""
    return denoise if guidance is None else cast("Denoiser", Guided(guidance, denoise, levels))
