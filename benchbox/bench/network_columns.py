"""How the network of a cell is computed: what may be asked, and the columns that state it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchbox.acceleration import compile_mode, half_weights
from benchbox.errors import UsageError
from benchbox.model import Model

if TYPE_CHECKING:
    from benchbox.bench.request import Request


def validate_acceleration(model: Model, request: Request) -> None:
    """UsageError where the model has no network to compile, or none of images for channels_last."""
    options = [f"--{n.replace('_', '-')}" for n in ("compile", "channels_last") if getattr(request, n)]
    if options and model.prediction is None:
        raise UsageError(f"{options[0]} is for networks, and model {model.title} is a formula: leave it out.")
    if request.channels_last and len(model.shape) != 3:
        raise UsageError(
            f"--channels-last is for networks of images, and the samples of model {model.title} have shape "
            f"{model.shape}: leave it out."
        )


def network_columns(model: Model, device: str, dtype: str, compiled: bool, channels_last: bool) -> dict[str, Any]:
    """The columns of what is not as usual, which changes samples by rounding; empty for an eager network."""
    columns = {
        "weights_dtype": dtype if half_weights(model, dtype) else None,
        "memory_format": "channels_last" if channels_last else None,
        "compile": compile_mode(device) if compiled else None,
    }
    return {name: value for name, value in columns.items() if value is not None}
