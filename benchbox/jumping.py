"""Jumps: the map along the probability-flow ODE from a noise level to a lower one, in one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.guidance import Guidance
    from benchbox.model import Model
    from benchbox.sampler import Sampler

Jumps = Literal["consistency", "flow-map"]
"""To the data alone, σ' = 0 (Song et al. 2023, arXiv:2303.01469), or to any lower level σ' (Kim et al. 2023,
arXiv:2310.02279)."""

Jump = Callable[..., "Tensor"]
"""(x, sigma, sigma_next, **conditions) to the state at σ' < σ on the trajectory through x; σ' = 0 is the data."""


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
        raise UsageError(f"model {model.title} jumps to the data alone, not to σ = {sigma_next:g}.")
    if not 0 <= sigma_next < sigma:
        raise UsageError(f"a jump leads to a lower level, not from σ = {sigma:g} to {sigma_next:g}.")


def require_denoiser(who: str, model: Model) -> None:
    """UsageError for a model that only jumps; who: what needs D(x, σ), such as `metric bpd`."""
    if not model.denoises:
        raise UsageError(f"{who} needs a denoiser and model {model.title} only jumps.")


def check_jumps(sampler: Sampler, model: Model, guidance: Guidance | None = None) -> None:
    """UsageError, before any work, where the model cannot do what the sampler asks: denoise, or jump."""
    asked = sampler.uses_jumps
    if asked is None and not model.denoises:
        raise UsageError(
            f"sampler {sampler.name} needs a denoiser and model {model.title} only jumps: use a sampler that jumps, "
            "such as consistency."
        )
    if asked is None:
        return
    if model.jumps is None:
        raise UsageError(
            f"sampler {sampler.name} needs a model that jumps and {model.title} is a denoiser: use a solver, such as "
            "heun, or a distilled model (benchbox train --distill)."
        )
    if asked == "flow-map" and model.jumps == "consistency":
        raise UsageError(
            f"sampler {sampler.name} jumps to lower levels and model {model.title} jumps to the data alone: use "
            "sampler consistency."
        )
    if guidance is not None:
        raise UsageError(f"sampler {sampler.name} takes no guidance: a jump is not a denoiser that could be guided.")
