"""The truths of an inverse problem and their measurements: each depends on the seed and its number alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchbox.bench.samples import as_data, open_samples
from benchbox.errors import UsageError
from benchbox.measurement import Measurements, seen_entries
from benchbox.model import Model
from benchbox.problem import Problem

TRUTH, NOISE = 1, 2
"""What a random number of a measurement is for."""


@lru_cache(maxsize=16)
def measure(
    problem: Problem, model: Model, m: int, seed: int, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Measurements:
    """The first m truths of a posed problem, measured with noise. UsageError where there are no m truths."""
    with torch.inference_mode(False):
        x = truths(problem, model, m, seed)
        y = problem.forward(x)
        seen = seen_entries(problem, model.shape)
        noise = [generator(seed, number, NOISE).standard_normal(y.shape[1:]) for number in range(m)]
        y = y + problem.sigma_y * torch.as_tensor(np.stack(noise)) * seen
        return Measurements(problem, x.to(device, dtype), y.to(device, dtype), int(seen.sum()), model.data_range)


def generator(seed: int, number: int, use: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, number, use]))


def truths(problem: Problem, model: Model, m: int, seed: int) -> Tensor:
    """The samples that are measured, float64: of the file, of the model's exact law, or its held-out data."""
    path = problem.truth or model.held_out
    if path is not None:
        return truths_in(path, model, m)
    draws = [model.draw(1, int(generator(seed, number, TRUTH).integers(2**63))) for number in range(m)]
    drawn = [draw.double() for draw in draws if draw is not None]
    if len(drawn) < m:
        raise UsageError(
            f"model {model.title} cannot draw the truths of a problem: give some with --set truth=FILE, an .npz or a "
            "folder of images."
        )
    return torch.cat(drawn)


def truths_in(path: Path, model: Model, m: int) -> Tensor:
    """The first m samples of a file."""
    samples = open_samples(path)
    if len(samples) < m:
        raise UsageError(f"{path} holds {len(samples)} samples, and {m} measurements need {m}: give fewer.")
    return as_data(np.array(samples[:m]), model).double()
