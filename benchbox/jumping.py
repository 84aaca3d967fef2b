"""Jumps: the map along the probability-flow ODE from a noise level to a lower one, in one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Jump, Model


def network_jump(model: Model, denoise: Callable[..., Tensor]) -> Jump:
    """The jump of a model whose network gives the end of the trajectory in the place of D(x, σ)."""

    def jump(x: Tensor, sigma: float, sigma_next: float, **conditions: Any) -> Tensor:
        return denoise(x, sigma, **conditions)

    if model.jumps == "flow-map":
        raise UsageError(f"model {model.title} states jumps = flow-map and has no method jump.")
    return jump


def check_target(model: Model, sigma: float, sigma_next: float) -> None:
    """UsageError where the model cannot jump from σ to σ'."""
    if model.jumps is None:
        raise UsageError(f"model {model.title} does not jump: it is a denoiser.")
    if model.jumps == "consistency" and sigma_next != 0:
        raise UsageError(f"model {model.title} jumps only to the data, not to σ = {sigma_next:g}.")
    if not 0 <= sigma_next < sigma:
        raise UsageError(f"a jump leads to a lower level, not from σ = {sigma:g} to {sigma_next:g}.")


def require_denoiser(who: str, model: Model) -> None:
    """UsageError for a model that only jumps; who: what needs D(x, σ), such as `metric bpd`."""
    if not model.denoises:
        raise UsageError(f"{who} needs a denoiser and model {model.title} only jumps.")
