"""Similarity of pairs of images, for tasks with a true image; ssim and lpips by torchmetrics, the extra `similarity`.

x and y are images (n, channels, height, width) with values in `data_range`, (low, high); each function gives (n,).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchbox.card import verified_file
from benchbox.errors import UsageError
from benchbox.metrics.weights import VGG16, Weights
from benchbox.project_packages import pip_install

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
        raise UsageError(f"image similarity needs torchmetrics: {pip_install(extra='similarity')}.") from None
    return functions


def psnr(x: Tensor, y: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Peak signal-to-noise ratio in dB, 10 log10((high − low)²/mean (x − y)²); infinite for equal images."""
    return 10 * ((data_range[1] - data_range[0]) ** 2 / (x - y).square().flatten(1).mean(1)).log10()


WINDOW = 11
"""Pixels of a side of the windows of SSIM."""


def ssim(x: Tensor, y: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Structural similarity (Wang et al. 2004, eq. 13), 1 for equal images: the mean over Gaussian windows, σ = 1.5.

    Only windows inside the image count, as in Wang's code and in scikit-image; torchmetrics' own mean is over all
    pixels, with reflected borders.
    """
    width, border = data_range[1] - data_range[0], WINDOW // 2
    similarity = torchmetrics().structural_similarity_index_measure
    _, windows = similarity(x, y, data_range=width, reduction="none", return_full_image=True)
    values: Tensor = windows[..., border:-border, border:-border].flatten(1).mean(1)
    return values


LpipsNet = Literal["alex", "vgg", "squeeze"]


def lpips(
    x: Tensor,
    y: Tensor,
    data_range: tuple[float, float],
    net: LpipsNet = "alex",
    file: Path | None = None,
    digest: str | None = None,
) -> Tensor:
    """Learned perceptual distance (Zhang et al. 2018, eq. 1, v0.1), 0 for equal images; grey becomes RGB.

    file, digest: see `backbone`. Images with a side below 64 are resized to 64×64, the smallest size that the networks
    accept.
    """
    import torch
    from torch.nn.functional import interpolate

    network = perceptual(net, file, digest).to(x.device)
    low, high = data_range
    images = [((z.float() - low) * (2 / (high - low)) - 1).clamp(-1, 1).expand(-1, 3, -1, -1) for z in (x, y)]
    if min(x.shape[2:]) < 64:
        images = [interpolate(z, size=(64, 64), mode="bilinear") for z in images]
    with torch.inference_mode():
        return network(*images).reshape(len(x))


def backbone(net: LpipsNet, file: Path | None = None, digest: str | None = None) -> Path:
    """The weights of torchvision's network: `file`, or the one in torch's cache.

    digest: their SHA-256, by default the published one. UsageError where the file is missing or does not match.
    """
    weights = BACKBONES[net]
    expected = (digest or weights.sha256 or "").lower()
    return verified_file(file or weights.path, expected, f"{weights.file} of torchvision, the network of LPIPS,")


@cache
def perceptual(net: LpipsNet, file: Path | None = None, digest: str | None = None) -> Any:
    """torchmetrics' LPIPS network with the weights of `backbone`, after these are verified. Nothing is downloaded."""
    torchmetrics()
    import torch
    from torchmetrics.functional.image.lpips import _LPIPS

    path = backbone(net, file, digest)
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    network = _LPIPS(net=net, pnet_rand=True).requires_grad_(False).eval()
    # torchmetrics cuts torchvision's `features` into slices: slice2.3.weight is features.3.weight
    own = {name: tensors[re.sub(r"^slices?\.?\d+\.", "features.", name)] for name in network.net.state_dict()}
    network.net.load_state_dict(own)
    return network
