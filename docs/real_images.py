"""The FID of real images, as lines of benchbox/report/real_images.csv: python docs/real_images.py mnist.npz

The test images take the place of samples: n of them are compared with the training split. The value is the mean over
disjoint parts of the test split, every k-th image, as its second half is harder than its first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.grid import Levels
from benchbox.metric import Context

SIZES = (1_000, 2_000, 5_000, 10_000)


def fid(images: torch.Tensor) -> dict[str, Any]:
    """The columns of FID for images (n, 1, 28, 28) in [-1, 1], in place of samples of `mnist-edm`."""
    model, cpu = benchbox.get("model", "mnist-edm"), torch.device("cpu")
    levels = Levels.cut(model.schedule, benchbox.get("grid", "karras"), 18)
    metric = benchbox.get("metric", "fid").start(Context(model, Denoiser(model, cpu), model.schedule, levels, cpu, 0))
    metric.update(images, torch.arange(len(images)))
    return dict(metric.compute())


def main(path: Path) -> None:
    images = torch.as_tensor(np.load(path)["x_test"][:, None] / np.float32(127.5) - 1)
    print("metric,features,reference,n_samples,value")
    for n in SIZES:
        parts = [fid(images[i :: len(images) // n]) for i in range(len(images) // n)]
        first, value = parts[0], fmean(part["fid"] for part in parts)
        print(f"fid,{first['fid_features']},{first['fid_reference']},{n},{value:.4g}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
