"""Reimplementation of the networks of EDM and EDM2 for sampling, with NVIDIA's names of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from benchbox.errors import UsageError, unknown
from benchbox_edm.nets.dhariwal import DhariwalUNet
from benchbox_edm.nets.edm2 import UNet
from benchbox_edm.nets.precond import PRECONDS, Preconditioned
from benchbox_edm.nets.song import SongUNet

NETS: dict[str, type[nn.Module]] = {"SongUNet": SongUNet, "DhariwalUNet": DhariwalUNet, "UNet": UNet}
TRAINING_ONLY = ("dropout", "label_dropout", "augment_dim", "use_fp16", "logvar_channels")
"""Options without effect on sampling: no dropout, no augmentation, float32."""


def make(architecture: Mapping[str, Any]) -> Preconditioned:
    """D(x, σ) with fresh weights; architecture is {"precond": class, "model_type": class, option: value, …}.

    UsageError for an unknown class or option.
    """
    options = {k: v for k, v in architecture.items() if k not in TRAINING_ONLY}
    kind = str(options.pop("precond"))
    if kind not in PRECONDS:
        raise unknown("preconditioning of EDM", kind, PRECONDS)
    precond = PRECONDS[kind]
    net = "UNet" if kind == "Precond" else str(options.pop("model_type", precond.default_net))
    if net not in NETS:
        raise unknown("network of EDM", net, NETS)
    precond_options = {k: options.pop(k) for k in precond.options() & options.keys()}
    size, channels, classes = (int(options.pop(k, 0)) for k in ("img_resolution", "img_channels", "label_dim"))
    try:
        inner = NETS[net](size, channels, channels * precond.outputs, classes, **options)
    except TypeError as error:
        raise UsageError(f"this {net} has an unknown option: {error}.") from None
    return Preconditioned(precond(**precond_options), inner, classes)
