"""What a network predicts, at its own input and time, as the denoiser D(x, σ) in canonical coordinates."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from benchbox.acceleration import HALF, PLAIN, Acceleration, accelerated, cast_weights, converts_weights
from benchbox.errors import UsageError
from benchbox.model import Model
from benchbox.variance import output_shape


def edm_coefficients(sigma: Any, sigma_data: float) -> tuple[Any, Any, Any]:
    """c_skip, c_out, c_in of Karras et al. 2022, arXiv:2206.00364, table 1; sigma a float or a tensor."""
    total = sigma**2 + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / total**0.5, 1 / total**0.5


def to_denoised(
    prediction: str, out: Tensor, x: Tensor, s: float, sigma: float, sigma_data: float | None = None
) -> Tensor:
    """D from a network's output at y = s x.

    eps: x − σ ε · score of y: x + σ² s·score · v: s² x − s σ v · flow u = n − x_0: (x − σ u)/(1 + σ) · x0: itself ·
    edm: c_skip x + c_out F.
    """
    match prediction:
        case "eps":
            return x.sub(out, alpha=sigma)
        case "x0":
            return out
        case "score":
            return x.add(out, alpha=sigma**2 * s)
        case "v":
            return x.mul(s**2).sub_(out, alpha=s * sigma)
        case "flow":
            return x.sub(out, alpha=sigma).div_(1 + sigma)
        case "edm":
            if sigma_data is None:
                raise ValueError("prediction edm needs sigma_data")
            c_skip, c_out, _ = edm_coefficients(sigma, sigma_data)
            return x.mul(c_skip).add_(out, alpha=c_out)
    raise ValueError(f"unknown prediction {prediction!r}")


def network_time(model: Model, sigma: float) -> float:
    """What the network is told of the level: k−1, c_noise = ¼ ln σ, or t."""
    if model.prediction == "edm":
        return 0.25 * math.log(sigma)
    t = float(model.schedule.time(sigma))
    steps = model.schedule.steps
    if steps is None:
        return t
    k = t * steps - 1
    return k if model.continuous else float(_nearest(model, sigma, k))


def network_level(model: Model, sigma: float) -> tuple[float, float, float]:
    """s at a level, the factor from x to the network's input, and the network's time."""
    if model.prediction == "edm":
        assert model.sigma_data is not None
        return 1.0, edm_coefficients(sigma, model.sigma_data)[2], network_time(model, sigma)
    s = float(model.schedule.scale(model.schedule.time(sigma)))
    return s, s, network_time(model, sigma)


def _nearest(model: Model, sigma: float, k: float) -> int:
    """The index k−1 of the discrete schedule whose level is nearest in log σ."""
    steps = model.schedule.steps or 1
    below = min(max(math.floor(k), 0), steps - 1)
    above = min(below + 1, steps - 1)
    low, high = (float(model.schedule.sigma((i + 1) / steps)) for i in (below, above))
    return below if sigma * sigma < low * high or above == below else above


class Wrapped:
    """A model's network in canonical coordinates: D(x, σ), for any σ in the model's range.

    `variance`: the second half of its channels in the last call, in −1 … 1; None where it has none.
    """

    def __init__(
        self, model: Model, device: torch.device, dtype: torch.dtype, acceleration: Acceleration = PLAIN
    ) -> None:
        self.model, self.device, self.dtype = model, device, dtype
        top = model.schedule.t_max
        s, sigma = float(model.schedule.scale(top)), float(model.schedule.sigma(top))
        if model.prediction == "v" and not math.isclose(s * s * (1 + sigma * sigma), 1, rel_tol=1e-6):
            raise UsageError(
                f"model {model.name} predicts v, which is defined for variance-preserving schedules; "
                f"its schedule {model.schedule.name} is not one."
            )
        network = model.network(device)
        name = str(dtype).removeprefix("torch.")
        self.weights_dtype = dtype if converts_weights(model, name) else None
        if isinstance(network, torch.nn.Module):
            network.to(torch.float64 if dtype == torch.float64 else torch.float32)
            if self.weights_dtype is not None:
                cast_weights(network, self.weights_dtype)
        self.network, self.acceleration = accelerated(network, acceleration, device), acceleration
        self.autocast = name in HALF and self.weights_dtype is None
        self.replayed = acceleration.compiled and device.type == "cuda"
        discrete = model.schedule.steps is not None and not model.continuous and model.prediction != "edm"
        self.time_dtype = torch.int64 if discrete else torch.float64 if dtype == torch.float64 else torch.float32
        self.variance: Tensor | None = None
        # every batch visits the same levels: what the network is told of one is worked out once
        self.level = lru_cache(maxsize=4096)(partial(network_level, model))

    def __call__(self, x: Tensor, sigma: float, **conditions: Tensor) -> Tensor:
        model = self.model
        s, c_in, time = self.level(sigma)
        t = torch.full((len(x),), time, dtype=self.time_dtype, device=x.device)
        y = x if c_in == 1 else x * c_in
        if self.weights_dtype is not None:
            y = y.to(self.weights_dtype)
        if self.acceleration.channels_last:
            y = y.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype, enabled=self.autocast):
            out = self.evaluated(y, t, **conditions)
        if out.shape != (shape := output_shape(tuple(x.shape), model.learned_variance)):
            raise UsageError(
                f"the network of model {model.name} gave {tuple(out.shape)}, and {shape} is expected: "
                "its output has the shape of its input"
                + (", and twice its channels where it learned the variance." if model.learned_variance else ".")
            )
        out = out.to(x.dtype, memory_format=torch.contiguous_format)
        if model.learned_variance:
            out, self.variance = out.chunk(2, dim=1)
        return to_denoised(str(model.prediction), out, x, s, sigma, model.sigma_data)

    def evaluated(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        """The network's output; of a CUDA graph a copy, since the next evaluation overwrites it."""
        if not self.replayed:
            return self.network(y, t, **conditions)
        torch.compiler.cudagraph_mark_step_begin()
        return self.network(y, t, **conditions).clone()
