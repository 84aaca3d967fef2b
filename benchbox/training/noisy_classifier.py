"""Training of a classifier of noisy images, for classifier guidance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchbox.card import sha256
from benchbox.classifier_card import ClassifierCard
from benchbox.errors import UsageError
from benchbox.inputs.images import read_images, read_labels
from benchbox.nets.noisy_classifier import NoisyClassifier
from benchbox.training.checkpoint import fit, make_folder, write_tensors
from benchbox.training.job import check_name, checked_widths
from benchbox.training.loop import Trainer
from benchbox.training.losses import stratified
from benchbox.training.recipe import Recipe

ACCURACY_LEVELS = (0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""The levels at which the accuracy is measured."""


@dataclass(frozen=True)
class ClassifierLoss:
    """Cross-entropy −log p(c | x_0 + σ n), with ln σ uniform from σ_min to σ_max (Dhariwal & Nichol 2021, §4).

    The default range is from EDM's lowest level to the highest of all built-in schedules.
    """

    sigma_min: float = 0.002
    sigma_max: float = 200.0

    @property
    def identity(self) -> dict[str, Any]:
        return {"loss": "classifier", **asdict(self)}

    def __call__(self, network: nn.Module, x0: Tensor, generator: torch.Generator, **conditions: Tensor) -> Tensor:
        low, high = math.log(self.sigma_min), math.log(self.sigma_max)
        sigma = (low + (high - low) * stratified(len(x0), generator)).exp().float()
        x = x0 + sigma.view(-1, 1, 1, 1) * torch.randn(x0.shape, generator=generator, device=x0.device)
        return -network(x, sigma).gather(1, conditions["label"][:, None]).mean()


@dataclass(frozen=True)
class ClassifierConfig:
    """The options of `benchbox train-classifier`. UsageError where they are invalid."""

    data: Path
    output: Path
    name: str
    labels: str
    key: str | None = None
    held_out: int = 1000
    widths: str = "32:64"
    blocks: int = 1
    patch: int = 2
    steps: int = 2000
    batch_size: int = 128
    lr: float = 2e-3
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False
    dataset: str = "images"
    licence: str = "not stated"
    resume: bool = True
    command: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)


def train_noisy_classifier(job: ClassifierConfig, report: Callable[[int, float], None]) -> tuple[Path, ClassifierCard]:
    """Train, and write weights and card; `report(step, loss)` is called every ten steps. UsageError."""
    pixels = read_images(job.data, job.key)
    labels = torch.as_tensor(read_labels(job.data, job.labels, len(pixels)))
    if not 0 < job.held_out < len(pixels):
        raise UsageError(f"--held-out {job.held_out} must be above 0 and below the {len(pixels):,} images.")
    if (classes := int(labels.max()) + 1) < 2:
        raise UsageError(f"the labels {job.labels} in {job.data} are all 0: a classifier needs at least 2 classes.")
    order = np.random.default_rng(job.seed).permutation(len(pixels))
    held, kept = order[: job.held_out], order[job.held_out :]
    shape = list(pixels.shape[1:])
    architecture = {
        "channels": shape[0], "classes": classes, "widths": checked_widths(job.widths, job.patch, shape),
        "blocks": job.blocks, "patch": job.patch, "sigma_data": round(float((pixels[kept] / 127.5 - 1).std()), 3),
    }  # fmt: skip
    make_folder(job.output)
    torch.manual_seed(job.seed)
    network, device = NoisyClassifier(**architecture), torch.device(job.device)
    recipe = Recipe(
        job.steps, job.batch_size, job.lr, min(200, job.steps // 10), ema=0.995, seed=job.seed, bfloat16=job.bfloat16,
        drop_label=0.0,
    )  # fmt: skip
    trainer = Trainer(
        network.to(device), ClassifierLoss(), torch.as_tensor(pixels[kept]).to(device), recipe,
        labels[kept].to(device), architecture,
    )  # fmt: skip
    fit(trainer, job, report)
    network.load_state_dict(trainer.average)
    return write_classifier(job, trainer, accuracy_by_level(network, pixels[held], labels[held]))


@torch.inference_mode()
def accuracy_by_level(network: nn.Module, pixels: Any, labels: Tensor, seed: int = 0) -> dict[str, float]:
    """The share of right answers on noisy images, by σ."""
    device = next(network.parameters()).device
    generator, network = torch.Generator().manual_seed(seed), network.eval()
    shares = {}
    for sigma in ACCURACY_LEVELS:
        right = 0
        for index in torch.arange(len(labels)).split(500):
            x0 = torch.as_tensor(pixels[index.numpy()]).float() / 127.5 - 1
            x = x0 + sigma * torch.randn(x0.shape, generator=generator)
            log_p = network(x.to(device), torch.full((len(x),), sigma, device=device))
            right += int((log_p.argmax(1).cpu() == labels[index]).sum())
        shares[f"{sigma:g}"] = round(right / len(labels), 4)
    return shares


def write_classifier(
    job: ClassifierConfig, trainer: Trainer[ClassifierLoss], accuracy: dict[str, float]
) -> tuple[Path, ClassifierCard]:
    """Write the EMA weights as safetensors, and the card; returns the path of the card, and the card."""
    weights, path = job.output / f"{job.name}.safetensors", job.output / f"{job.name}.json"
    write_tensors(weights, trainer.average)
    card = ClassifierCard(
        name=job.name, dataset=job.dataset, licence=job.licence, shape=list(trainer.images.shape[1:]),
        data_range=[-1.0, 1.0], classes=trainer.architecture["classes"],
        architecture=dict(trainer.architecture), accuracy=accuracy,
        training=trainer.described() | asdict(trainer.loss) | {"held_out": job.held_out, "device": job.device},
        weights=weights.name, sha256=sha256(weights),
    )  # fmt: skip
    card.write(path)
    return path, card
