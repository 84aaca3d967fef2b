"""Denoisers that watch what a run asks of the one below, and what it gets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser


class FiniteCheck:
    """A denoiser that records whether all its outputs are finite."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.finite = denoise, True

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        denoised = self.denoise(x, sigma)
        self.finite = self.finite and bool(torch.isfinite(denoised).all())
        return denoised

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        denoised, v = self.denoise.with_variance(x, sigma)
        self.finite = self.finite and bool(torch.isfinite(denoised).all() and torch.isfinite(v).all())
        return denoised, v

    def jump(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        state = self.denoise.jump(x, sigma, sigma_next)
        self.finite = self.finite and bool(torch.isfinite(state).all())
        return state

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)


class RecordingDenoiser:
    """A denoiser that records its calls in order, (σ, D(x, σ)), or (σ, end) of a jump."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.calls = denoise, list[tuple[float, Tensor]]()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        denoised = self.denoise(x, sigma)
        self.calls.append((sigma, denoised))
        return denoised

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        denoised, v = self.denoise.with_variance(x, sigma)
        self.calls.append((sigma, denoised))
        return denoised, v

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        denoised, gradient = self.denoise.vjp(x, sigma, v)
        self.calls.append((sigma, denoised))
        return denoised, gradient

    def jump(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        state = self.denoise.jump(x, sigma, sigma_next)
        self.calls.append((sigma, state))
        return state

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)
