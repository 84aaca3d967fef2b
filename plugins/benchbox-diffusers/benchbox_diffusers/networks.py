"""The network of a pipeline, called as its pipeline calls it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benchbox.errors import UsageError
from benchbox.prediction import edm_coefficients
from benchbox.project_packages import pip_install
from benchbox_diffusers.calls import Time, network_time, unpacked

if TYPE_CHECKING:
    from benchbox import Schedule
    from benchbox_diffusers.families import Family


class Network(nn.Module):
    """callable(y, t, **conditions) of latents y (batch, c, h, w), in the dtype of the network's weights.

    time: what it is told of the level. factor: pixels per latent, in each direction. embedded: the guidance number,
    where the network takes one. sigma_schedule: of a Score-SDE, whose network is told σ. learned_variance: it gives
    twice the channels.
    """

    def __init__(
        self,
        net: Any,
        family: Family,
        time: Time = "index",
        factor: int = 1,
        embedded: float | None = None,
        sigma_schedule: Schedule | None = None,
        learned_variance: bool = False,
    ) -> None:
        super().__init__()
        self.net, self.family, self.time, self.factor, self.embedded = net, family, time, factor, embedded
        self.sigma_schedule, self.outputs = sigma_schedule, 2 if learned_variance else 1

    def forward(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        if self.sigma_schedule is not None:
            # the batch has one level
            t = torch.full_like(t, float(self.sigma_schedule.sigma(float(t[0]))))
        dtype = self.net.dtype
        given = {name: c.to(dtype) if c.is_floating_point() else c for name, c in conditions.items()}
        arguments = self.family.arguments(self, y.to(dtype), network_time(self.time, t), given)
        out: Tensor = self.net(**arguments, return_dict=False)[0]
        if self.family.packed:
            out = unpacked(out, *y.shape[2:])
        return self.family.sign * first_channels(out, self.outputs * y.shape[1]).to(y.dtype)


class ConsistencyNetwork(Network):
    """The network F of f = c_skip(σ − ε) x + c_out(σ − ε) F (Song et al. 2023, arXiv:2303.01469, app. C), as one of
    prediction edm, which is without ε: c_skip x + c_out F' = f. It is told 1000 c_noise."""

    epsilon, sigma_data = 0.002, 0.5

    def forward(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        sigma = (4 * t).exp().view(-1, *[1] * (y.ndim - 1)).to(y.dtype)
        c_skip, c_out, c_in = edm_coefficients(sigma, self.sigma_data)
        above = sigma - self.epsilon
        skip = self.sigma_data**2 / (above**2 + self.sigma_data**2)
        out = super().forward(y, 1000 * t, **conditions)
        return ((skip - c_skip) * y / c_in + c_out * (above / sigma) * out) / c_out


def first_channels(out: Tensor, channels: int) -> Tensor:
    """Those of the prediction, and of a variance between β̃ and β; a variance of another kind is dropped."""
    return out[:, :channels]


class InPlace:
    """callable(y, t, **conditions): a network that keeps its own dtype and devices; a run casts an nn.Module."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __call__(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        out: Tensor = self.network(y, t, **conditions)
        return out


def placed(network: Network, device: Any, own_dtype: bool, offload: bool) -> Network | InPlace:
    """The network on a device, or with its layers moved there one by one as they are called (`offload`)."""
    network.eval().requires_grad_(False)
    if not offload:
        network.to(device)
        return InPlace(network) if own_dtype else network
    if not find_spec("accelerate"):
        raise UsageError(f"offload=true needs the package accelerate: {pip_install('benchbox-diffusers', 'offload')}.")
    from diffusers.hooks.group_offloading import apply_group_offloading

    apply_group_offloading(network.net, onload_device=torch.device(device), offload_type="leaf_level")
    return InPlace(network)
