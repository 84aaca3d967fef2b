"""Time of one evaluation of the bundled U-Net: 64 grey 28×28 images, float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import benchbox


@pytest.mark.parametrize("name", ["mnist-edm", "mnist-ddpm", "mnist-ncsn"])
def test_one_evaluation_of_64_images(benchmark: Any, name: str) -> None:
    from benchbox.denoiser import Denoiser

    denoise, x = Denoiser(benchbox.get("model", name), torch.device("cpu")), torch.randn(64, 1, 28, 28)
    with torch.inference_mode():
        benchmark(denoise, x, 1.0)
