"""The variance of the reverse steps of a diffusion: between the posterior's β̃ and the forward process's β."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.model import Model


def reverse_stds(sigma: Any, sigma_next: Any) -> tuple[Any, Any]:
    """√β̃ and √β of a step from σ to σ', in canonical coordinates; floats, arrays or tensors.

    β̃ = σ'² (1 − σ'²/σ²) (Ho et al. 2020, arXiv:2006.11239, eq. 7) and β = (s/s')² (σ² − σ'²) with the scale of the
    variance-preserving frame, s = 1/√(1+σ²), in which networks learn their variance.
    """
    small = sigma_next * (1 - (sigma_next / sigma) ** 2) ** 0.5
    return small, ((1 + sigma_next**2) / (1 + sigma**2) * (sigma**2 - sigma_next**2)) ** 0.5


def decoder_stds(sigma: Any, sigma_above: Any) -> tuple[Any, Any]:
    """√β̃_2 and √β_1, of the decoder p(x_0|x_1): σ is the least level, and sigma_above the one before it.

    The posterior of the last step has no variance; the published code of Nichol & Dhariwal takes that of the step
    before, in the variance-preserving frame.
    """
    scale = (1 + sigma**2) ** -0.5
    return scale * reverse_stds(sigma_above, sigma)[0], scale * sigma


def interpolated(small: Any, large: Any, v: Any) -> Any:
    """exp(v log β + (1 − v) log β̃) (Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 15), or the same of their roots."""
    return small * (large / small) ** v


def output_shape(shape: tuple[int, ...], learned_variance: bool) -> tuple[int, ...]:
    """The shape of a network's output for an input (batch, channels, …): twice the channels with a learned variance."""
    return (shape[0], 2 * shape[1], *shape[2:]) if learned_variance else shape


def require_learned_variance(model: Model) -> None:
    """UsageError where the model has not learned its variance."""
    if not model.learned_variance:
        raise UsageError(
            f"model {model.title} has no learned variance: its network does not give it beside the mean; "
            "set variance to small or large."
        )
