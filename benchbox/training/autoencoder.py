"""Training of the autoencoder of a latent model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchbox.autoencoder_card import AutoencoderCard
from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.nets.autoencoder import Autoencoder
from benchbox.training.checkpoint import fit, write_tensors
from benchbox.training.job import TrainingConfig, parsed_widths
from benchbox.training.loop import Trainer, in_unit_range
from benchbox.training.recipe import Recipe

ENCODED_AT_ONCE = 500


@dataclass(frozen=True)
class AutoencoderLoss:
    """Mean square error of the reconstruction, and `kl` times the divergence of the posterior from N(0, I).

    Both are means over numbers (Rombach et al. 2022, arXiv:2112.10752, §3.1, without the losses of perception).
    """

    kl: float = 1e-3

    @property
    def identity(self) -> dict[str, Any]:
        return {"loss": "autoencoder", **asdict(self)}

    def __call__(self, network: nn.Module, x0: Tensor, generator: torch.Generator, **conditions: Tensor) -> Tensor:
        assert isinstance(network, Autoencoder)
        mean, log_variance = network.posterior(x0)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        x = network.reconstruct(mean + (log_variance / 2).exp() * noise)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        return (x.float() - x0).square().mean() + self.kl * divergence.float().mean()


@dataclass(frozen=True)
class Encoded:
    """A trained autoencoder: its card in a folder, and the latents of the training images, (n, *latent_shape)."""

    path: Path
    card: AutoencoderCard
    latents: Tensor


def autoencoder_options(job: TrainingConfig, shape: Sequence[int]) -> dict[str, Any]:
    """The architecture for images (channels, height, width). UsageError where it does not fit them."""
    widths = parsed_widths(job.autoencoder_widths, "--autoencoder-widths")
    factor = 2 ** len(widths)
    if shape[1] % factor or shape[2] % factor:
        raise UsageError(
            f"images of {shape[1]}×{shape[2]} are not divisible by {factor}: each of the --autoencoder-widths halves "
            "their sides."
        )
    return {"channels": shape[0], "latent_channels": job.latent_channels, "widths": widths}


def latent_shape(job: TrainingConfig, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of the latents of images (channels, height, width)."""
    factor = 2 ** len(autoencoder_options(job, shape)["widths"])
    return (job.latent_channels, shape[1] // factor, shape[2] // factor)


def train_autoencoder(job: TrainingConfig, pixels: NDArray[np.uint8], report: Callable[[int, float], None]) -> Encoded:
    """Train the autoencoder, resumed from its checkpoint if there is one, and encode the images. UsageError."""
    shape = pixels.shape[1:]
    architecture = autoencoder_options(job, shape)
    own = replace(job, name=f"{job.name}.autoencoder")
    torch.manual_seed(job.seed)
    device, steps = torch.device(job.device), job.autoencoder_steps
    network, images = Autoencoder(**architecture).to(device), torch.as_tensor(pixels).to(device)
    recipe = Recipe(
        steps, job.batch_size, 2e-3, min(200, steps // 10), ema=0.995, seed=job.seed, bfloat16=job.in_bfloat16,
    )  # fmt: skip
    trainer = Trainer(network, AutoencoderLoss(), images, recipe, architecture=architecture)
    fit(trainer, own, report)
    network.load_state_dict(trainer.average, strict=False)
    latents = encoded(network.eval(), images)
    error = reconstruction_error(network, images[:10_000], latents[:10_000])
    weights = job.output / f"{own.name}.safetensors"
    write_tensors(weights, network.state_dict())
    card = AutoencoderCard(
        name=own.name, dataset=job.dataset, licence=job.licence, shape=list(shape),
        latent_shape=list(latents.shape[1:]), data_range=[-1.0, 1.0], architecture=architecture,
        reconstruction=round(error, 4), training=trainer.described() | asdict(trainer.loss) | {"device": job.device},
        weights=weights.name, sha256=sha256(weights),
    )  # fmt: skip
    path = job.output / f"{own.name}.json"
    card.write(path)
    return Encoded(path, card, latents)


@torch.inference_mode()
def encoded(network: Autoencoder, images: Tensor) -> Tensor:
    """The latents of the images; sets the network's mean and standard deviation of each channel to theirs."""
    latents = torch.cat([network.posterior(in_unit_range(batch))[0] for batch in images.split(ENCODED_AT_ONCE)])
    network.mean.copy_(latents.mean((0, 2, 3))[:, None, None])
    network.std.copy_(latents.std((0, 2, 3))[:, None, None])
    return network.normalised(latents)


@torch.inference_mode()
def reconstruction_error(network: Autoencoder, images: Tensor, latents: Tensor) -> float:
    """The root mean square error of the decoded latents."""
    pairs = zip(images.split(ENCODED_AT_ONCE), latents.split(ENCODED_AT_ONCE), strict=True)
    squares = [(network.decode(z) - in_unit_range(x)).square().sum() for x, z in pairs]
    return float(torch.stack(squares).sum() / images.numel()) ** 0.5
