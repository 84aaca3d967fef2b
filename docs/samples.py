"""The picture of samples in the README: python docs/samples.py docs/samples.png

Three samplers at four budgets, each from the same noise, on the default model.
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch

import benchbox

SAMPLERS = {"ancestral": "ancestral", "ddim": "ddim, η = 0", "heun": "heun"}
BUDGETS, SIDE = (5, 10, 20, 35), 4


def mosaic(x: torch.Tensor) -> torch.Tensor:
    """SIDE × SIDE images as one."""
    height, width = x.shape[-2:]
    return x[:, 0].view(SIDE, SIDE, height, width).permute(0, 2, 1, 3).reshape(SIDE * height, SIDE * width)


def main(path: str) -> None:
    """Draw the picture."""
    figure, axes = plt.subplots(len(SAMPLERS), len(BUDGETS), figsize=(9.2, 7.2), layout="constrained")
    for line, (sampler, title) in zip(axes, SAMPLERS.items(), strict=True):
        for axis, nfe in zip(line, BUDGETS, strict=True):
            x = benchbox.sample(sampler, model="mnist-edm", nfe=nfe, n=SIDE**2, seed=0)
            axis.imshow(mosaic(x), cmap="gray", vmin=-1, vmax=1)
            axis.set(xticks=[], yticks=[])
            if sampler == next(iter(SAMPLERS)):
                axis.set_title(f"NFE {nfe}")
        line[0].set_ylabel(title)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1])
