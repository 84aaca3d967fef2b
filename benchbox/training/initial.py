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


def start_from(network: nn.Module, name: str) -> dict[str, str]:
    """Copy the weights of a model, or of a card; returns what the checkpoint and the new card say of it.

    Prediction, schedule and classes may differ, and are learned anew: ε and the score are one network up to the factor
    −1/(s σ). The embedding of the labels is copied only where both have as many classes. UsageError where the networks
    have other widths, blocks or patches.
    """
    source = card_network(name, "--init-from")
    net, weights = unet_of(network), unet_of(source.module("cpu")).state_dict()
    own = net.state_dict()
    if LABELS in own and (LABELS not in weights or own[LABELS].shape != weights[LABELS].shape):
        weights[LABELS] = own[LABELS]
    elif LABELS not in own:
        weights.pop(LABELS, None)
    fill(net, weights, f"the weights of --init-from {name}")
    return {"init_from": source.title, "init_from_sha256": source.sha256}


def unet_of(network: nn.Module) -> nn.Module:
    """The U-Net, without the factors of a score."""
    return network.net if isinstance(network, ScoreNet) else network
