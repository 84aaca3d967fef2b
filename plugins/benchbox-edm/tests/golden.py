"""What NVIDIA's own code gives for weights that a formula fills in: writes golden.json.

    python tests/golden.py EDM_CHECKOUT EDM2_CHECKOUT tests/golden.json

The checkouts are of their two public repositories. Their code runs here, and none of it is kept: only options, and
numbers that come out. Every weight is a sine of its place, scaled as its fan-in asks, so that nothing has to be stored.
"""

from __future__ import annotations

import json
import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

SMALL = {"img_resolution": 8, "img_channels": 3, "model_channels": 16, "channel_mult": [1, 2], "num_blocks": 1}
SONG = {**SMALL, "model_type": "SongUNet"}
ADM = {**SMALL, "model_type": "DhariwalUNet", "model_channels": 64}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm++ of EDM": ("EDMPrecond", {**SONG, "label_dim": 4, "augment_dim": 9, "attn_resolutions": [4]}),
    "ncsn++ of EDM": (
        "EDMPrecond",
        {
            **SONG, "embedding_type": "fourier", "encoder_type": "residual", "channel_mult_noise": 2,
            "resample_filter": [1, 3, 3, 1], "attn_resolutions": [8], "channel_mult": [2, 2],
        },
    ),
    "adm of EDM": ("EDMPrecond", {**ADM, "label_dim": 4, "attn_resolutions": [8], "use_fp16": True}),
    "vp": ("VPPrecond", {**SONG, "attn_resolutions": []}),
    "ve": ("VEPrecond", {**SONG, "attn_resolutions": [], "label_dim": 2}),
    "iddpm": ("iDDPMPrecond", {**ADM, "attn_resolutions": [4]}),
    "edm2": ("Precond", {**SMALL, "model_channels": 64, "label_dim": 4, "attn_resolutions": [4]}),
    "edm2 without classes": (
        "Precond", {**SMALL, "label_dim": 0, "channel_mult_noise": 1, "channel_mult_emb": 2, "attn_resolutions": []},
    ),
}  # fmt: skip
SIGMAS = (0.01, 0.3, 2.5, 40.0)


def fill(net: torch.nn.Module) -> None:
    """Weights by formula, in the order of their names; resampling filters stay as they are."""
    with torch.no_grad():
        # a copy may lack what only training uses, so that a tensor's place among the others means nothing
        for name, tensor in sorted([*net.named_parameters(), *net.named_buffers()]):
            if name.endswith(("resample_filter", "kernel")):
                continue
            place = torch.arange(tensor.numel(), dtype=torch.float64) + len(name)
            values = torch.sin(1.7 * place + 0.3) * math.sqrt(2 / max(tensor[0].numel() if tensor.ndim > 1 else 1, 1))
            values = values * (0.5 if tensor.ndim > 1 else 0.2) + float("norm" in name and name.endswith("weight"))
            tensor.copy_(values.view(tensor.shape).to(tensor.dtype))


def inputs(channels: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x and σ: four images, a level each."""
    sigma = torch.tensor(SIGMAS)
    wave = torch.sin(0.37 * torch.arange(len(SIGMAS) * channels * size * size, dtype=torch.float64))
    return wave.float().view(-1, channels, size, size) * sigma.clamp(min=1).view(-1, 1, 1, 1), sigma


def digest(out: torch.Tensor) -> list[list[float]]:
    """Of each image: mean, root mean square, and the first and a middle pixel."""
    flat = out.double().flatten(1)
    return torch.stack([flat.mean(1), flat.square().mean(1).sqrt(), flat[:, 0], flat[:, 77]], 1).tolist()


def main(edm: str, edm2: str, output: str) -> None:
    found = {}
    for folder, module in ((edm, "training.networks"), (edm2, "training.networks_edm2")):
        for name in [n for n in sys.modules if n.split(".")[0] in ("training", "torch_utils", "dnnlib")]:
            del sys.modules[name]
        sys.path.insert(0, folder)
        theirs = import_module(module)
        sys.path.remove(folder)
        for name, (precond, options) in CASES.items():
            if hasattr(theirs, precond):
                net = getattr(theirs, precond)(**options).eval()
                fill(net.unet if precond == "Precond" else net.model)
                x, sigma = inputs(options["img_channels"], options["img_resolution"])
                classes = options.get("label_dim", 0)
                label = torch.eye(classes)[torch.arange(len(x)) % classes] if classes else None
                with torch.no_grad():
                    found[name] = digest(net(x, sigma, label, force_fp32=True))
    Path(output).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
