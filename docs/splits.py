"""Metrics of the MNIST test split, as lines of Markdown: python docs/splits.py IMAGES METRIC[:OPTION=VALUE]…

A metric of samples compares the 10,000 test images, in place of samples, with the training split: this is the value of
a perfect sampler. A metric of a model (bpd, vlb) is measured on both splits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.grid import Levels
from benchbox.metric import Context, Metric
from benchbox.model import Model

MODELS = {"bpd": "mnist-edm", "vlb": "mnist-ddpm"}
ON_DRAWS = {"sw2", "energy", "mmd"}


def context(model: Model) -> Context:
    levels = Levels.cut(model.schedule, benchbox.get("grid", "karras"), 18)
    return Context(model, Denoiser(model, torch.device("cpu")), model.schedule, levels, torch.device("cpu"), 0)


def of_samples(metric: Metric, images: Path) -> dict[str, Any]:
    """The columns for the test images, against the reference or (ON_DRAWS) against draws of the training images."""
    model = benchbox.get("model", "empirical", data=images) if metric.name in ON_DRAWS else None
    model = model or benchbox.get("model", "mnist-edm")
    metric.check(model)
    x = torch.as_tensor(np.load(images)["x_test"][:, None] / np.float32(127.5) - 1)
    accumulator = metric.start(context(model))
    for index in torch.arange(len(x)).split(500):
        accumulator.update(x[index], index)
    return accumulator.compute()


def measured(images: Path, name: str, options: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A description of the data that a metric was measured on, and the metric's columns."""
    if name not in MODELS:
        yield "test against train", of_samples(benchbox.get("metric", name, **options), images)
        return
    for split in ("test", "train"):
        metric = benchbox.get("metric", name, data=images, key=f"x_{split}", **options)
        yield f"{split}, under {MODELS[name]}", metric.start(context(benchbox.get("model", MODELS[name]))).compute()


def main(images: Path, metrics: list[str]) -> None:
    for text in metrics:
        name, *options = text.split(":")
        for data, columns in measured(images, name, dict(option.split("=", 1) for option in options)):
            values = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in columns.items())
            print(f"| {name} | {data} | {', '.join(values)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
