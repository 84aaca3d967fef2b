"""The weights that a training starts from, where they are those of another network."""

from __future__ import annotations

from torch import nn

from benchbox.errors import UsageError
from benchbox.models.card_model import CardModel
from benchbox.nets.loading import fill
from benchbox.nets.score import ScoreNet
from benchbox.registry import registry

LABELS = "label.weight"
"""The embedding of the class labels in a U-Net."""


def card_network(name: str, option: str) -> CardModel:
    """The model with that name, or of that card, given as an option. UsageError where it is no network with a card."""
    kind = "card" if name.endswith(".json") else name
    model = registry().get("model", kind, {"path": name} if kind == "card" else {})
    if not isinstance(model, CardModel):
        raise UsageError(f"{option} {name} is no network with a card, as benchbox train writes it.")
    return model


def start_from(network: nn.Module, source: CardModel) -> None:
    """Copy the weights of another network; prediction, schedule and classes may differ, and are learned anew.

    ε and the score are one network up to the factor −1/(s σ). The embedding of the labels is copied only where both
    have as many classes. UsageError where the networks have other widths, blocks or patches.
    """
    net, weights = unet_of(network), unet_of(source.module("cpu")).state_dict()
    own = net.state_dict()
    if LABELS in own and (LABELS not in weights or own[LABELS].shape != weights[LABELS].shape):
        weights[LABELS] = own[LABELS]
    elif LABELS not in own:
        weights.pop(LABELS, None)
    fill(net, weights, f"the weights of --init-from {source.title}")


def unet_of(network: nn.Module) -> nn.Module:
    """The U-Net, without the factors of a score."""
    return network.net if isinstance(network, ScoreNet) else network
