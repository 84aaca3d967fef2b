"""Similarity of pairs of images, for tasks with a true image; by torchmetrics, the extra `similarity`.

x and y are images (n, channels, height, width) with values in `data_range`, (low, high); each function gives (n,).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from benchbox.card import verified_file
from benchbox.errors import UsageError
from benchbox.metrics.weights import VGG16, Weights

if TYPE_CHECKING:
    from torch import Tensor

ALEX = Weights("alexnet-owt-7be5be79.pth", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02")
SQUEEZE = Weights("squeezenet1_1-b8a52dc0.pth", "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b")
BACKBONES = {"alex": ALEX, "vgg": VGG16, "squeeze": SQUEEZE}
"""torchvision's networks that LPIPS uses. Its linear weights come with torchmetrics."""


def torchmetrics() -> Any:
    """torchmetrics' functions for images. UsageError where it is not installed."""
    try:
        import torchmetrics.functional.image as functions
    except ImportError:
        raise UsageError("image similarity needs torchmetrics: pip install 'benchbox-diffusion[similarity]'.") from None
    return functions


def psnr(x: Tensor, y: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Peak signal-to-noise ratio in dB, 10 log10((high − low)²/mean (x − y)²); infinite for equal images."""
    width = data_range[1] - data_range[0]
    return torchmetrics().peak_signal_noise_ratio(x, y, width, reduction="none", dim=(1, 2, 3))


def ssim(x: Tensor, y: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Structural similarity (Wang et al. 2004, eq. 13), 1 for equal images: the mean over all pixels of
    Gaussian windows, σ = 1.5, 11 pixels wide, with reflected borders.
    """
    width = data_range[1] - data_range[0]
    values: Tensor = torchmetrics().structural_similarity_index_measure(x, y, data_range=width, reduction="none")
    return values.reshape(len(x))


LpipsNet = Literal["alex", "vgg", "squeeze"]


def lpips(x: Tensor, y: Tensor, data_range: tuple[float, float], net: LpipsNet = "alex") -> Tensor:
    """Learned perceptual distance (Zhang et al. 2018, eq. 1, v0.1), 0 for equal images; grey becomes RGB.

    UsageError where torchvision's weights are not in torch's cache or do not match the published SHA-256. Images with a
    side below 64 are resized to 64×64, the smallest size that the networks accept.
    """
    import torch
    from torch.nn.functional import interpolate

    network = perceptual(net).to(x.device)
    low, high = data_range
    images = [((z.float() - low) * (2 / (high - low)) - 1).clamp(-1, 1).expand(-1, 3, -1, -1) for z in (x, y)]
    if min(x.shape[2:]) < 64:
        images = [interpolate(z, size=(64, 64), mode="bilinear") for z in images]
    with torch.inference_mode():
        return network(*images).reshape(len(x))


@cache
def perceptual(net: LpipsNet) -> Any:
    """torchmetrics' LPIPS network, after its weights are verified. Nothing is downloaded."""
    torchmetrics()
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    weights = BACKBONES[net]
    assert weights.sha256 is not None
    verified_file(weights.path, weights.sha256, f"the {net} network of LPIPS")
    return LearnedPerceptualImagePatchSimilarity(net_type=net).net
