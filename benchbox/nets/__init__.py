"""Networks that benchbox can train, and load from a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from benchbox.errors import unknown
from benchbox.nets.score import ScoreNet
from benchbox.nets.unet import UNet
from benchbox.schedule import Schedule

NETS: dict[str, type[nn.Module]] = {"unet": UNet}


def make_network(architecture: Mapping[str, Any], prediction: str, schedule: Schedule, sigma_data: float) -> nn.Module:
    """The network of a card: architecture is {"net": name, option: value, …}."""
    options = dict(architecture)
    name = options.pop("net")
    if name not in NETS:
        raise unknown("network", name, NETS)
    net = NETS[name](**options)
    return ScoreNet(net, schedule, sigma_data) if prediction == "score" else net
