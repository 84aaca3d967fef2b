"""What the tests share: levels, runs on an exact Gaussian, and noise that diffusers' own loops are fed with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from torch import Tensor

import benchbox
from benchbox import Levels, Sampler
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.noise import Noise

torch.set_num_threads(1)


def levels(grid: str, n: int, schedule: str = "ddpm", **options: object) -> Levels:
    return Levels.cut(benchbox.get("schedule", schedule), benchbox.get("grid", grid, **options), n)


def run(sampler: Sampler, cut: Levels, noise: Noise, final: str = "denoise") -> tuple[Tensor, float]:
    """The samples on the exact Gaussian, and the evaluations per sample."""
    denoise = Denoiser(benchbox.get("model", "gaussian"), torch.device("cpu"))
    *_, x = trajectory(sampler, denoise, cut, noise, final)
    return x, denoise.rows / len(x)


def noise(n: int = 8, seed: int = 0) -> Noise:
    return Noise(seed, 0, n, benchbox.get("model", "gaussian").shape)


@contextmanager
def fed(module: str, draw: Callable[[], Tensor]) -> Iterator[None]:
    """diffusers draws from a generator: hand a module of it our noise."""
    with mock.patch(f"diffusers.{module}.randn_tensor", side_effect=lambda *a, **k: draw(), create=True):
        yield


@pytest.fixture(autouse=True)
def _quiet() -> None:
    from diffusers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
