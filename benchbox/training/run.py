"""A training from its options to the weights and the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbox import nets
from benchbox.card import CARD_FORMAT, LATENT_FORMAT, Card, sha256
from benchbox.errors import UsageError
from benchbox.inputs.images import read_images, read_labels
from benchbox.metrics.extractors import accepts
from benchbox.metrics.features import extractor
from benchbox.metrics.reference import Reference, locate, write_reference
from benchbox.metrics.reference_images import make_reference
from benchbox.options import describe
from benchbox.registry import registry
from benchbox.training.autoencoder import latent_shape, train_autoencoder
from benchbox.training.checkpoint import fit, make_folder, write_tensors
from benchbox.training.identity import tensor_digest
from benchbox.training.initial import start_from
from benchbox.training.job import TrainingConfig
from benchbox.training.loop import Trainer, in_unit_range
from benchbox.training.losses import Loss
from benchbox.training.recipe import Recipe

GRID_OF = {"ddpm": "trailing", "edm": "karras", "ve": "logsnr", "vp": "uniform", "subvp": "uniform"}
FEATURES_STORED = 10_000
"""Features of training images in the reference, for kid and prc."""


def train_model(job: TrainingConfig, report: Callable[[int, float], None]) -> Path:
    """Train, and write weights and card; returns the path of the card. `report(step, loss)` is called every ten steps.

    UsageError before the first step where names are unknown, the extractor is missing or the directory not writable.
    """
    pixels = read_images(job.data, job.key)
    check_features(job, pixels.shape[1:])
    if job.latent:
        trainer = latent_training(job, pixels, report)
        fit(trainer, job, lambda step, loss: report(job.autoencoder_steps + step, loss))
    else:
        trainer = prepared_training(job, torch.as_tensor(pixels))
        fit(trainer, job, report)
    if job.reference:
        write_reference(job.output / f"{job.name}.reference.npz", reference_of(job, pixels))
    return write_model(job, trainer)


def check_features(job: TrainingConfig, shape: tuple[int, ...]) -> None:
    """UsageError where the features cannot be computed, or have no reference."""
    if not job.features:
        return
    if problem := accepts(job.features, shape):
        raise UsageError(f"the features of {job.data} cannot be computed: {problem}")
    if job.reference:
        extractor(job.features, job.device)
        return
    try:
        locate(job.dataset, job.features)
    except UsageError:
        raise UsageError(
            f"there is no {job.features} reference of data set {job.dataset!r}: create one with --reference."
        ) from None


def latent_training(
    job: TrainingConfig, pixels: NDArray[np.uint8], report: Callable[[int, float], None]
) -> Trainer[Loss]:
    """The training on latents at its first step, after that of the autoencoder; UsageErrors come before any step."""
    shape = latent_shape(job, pixels.shape[1:])
    prepared_training(job, torch.zeros(1, *shape).expand(len(pixels), *shape))
    encoded = train_autoencoder(job, pixels, report)
    trainer = prepared_training(job, encoded.latents)
    # latents computed again may differ by rounding: they are known by what they are made from
    trainer.identity |= {"images": tensor_digest(torch.as_tensor(pixels)), "autoencoder": encoded.card.sha256}
    return trainer


def prepared_training(job: TrainingConfig, images: Tensor) -> Trainer[Loss]:
    """The training at its first step, on pixels or latents (n, channels, height, width).

    UsageError for options that do not fit the images, or an unwritable folder.
    """
    schedule, options = job.schedule_and_loss()
    sigma_data = options.pop("sigma_data", None) or round(float(in_unit_range(images[:10_000]).std(correction=0)), 3)
    labels = None if job.labels is None else torch.as_tensor(read_labels(job.data, job.labels, len(images)))
    architecture = job.architecture(list(images.shape[1:]), 0 if labels is None else int(labels.max()) + 1)
    for kind, chosen in (("grid", job.grid), ("schedule", schedule.name)):
        if chosen and chosen not in registry().names(kind):
            raise registry().unknown(kind, chosen)
    make_folder(job.output)
    torch.manual_seed(job.seed)
    device = torch.device(job.device)
    network = nets.make_network(architecture, job.prediction, schedule, sigma_data)
    start = {} if job.init_from is None else start_from(network, job.init_from)
    warmup = min(200, job.steps // 10)
    recipe = Recipe(
        job.steps, job.batch_size, job.lr, warmup, clip=job.clip, ema=job.ema, seed=job.seed, bfloat16=job.in_bfloat16
    )
    loss = Loss(job.prediction, schedule, sigma_data, **options, learned_variance=job.learn_variance)
    labels = None if labels is None else labels.to(device)
    trainer = Trainer(network.to(device), loss, images.to(device), recipe, labels, architecture, job.problem)
    trainer.identity |= start
    return trainer


def reference_of(job: TrainingConfig, pixels: NDArray[np.uint8]) -> Reference:
    """The reference of the training images, for fid, kid and prc of the trained model."""
    extract = extractor(job.features or "", job.device)
    return make_reference(pixels, extract, FEATURES_STORED, dataset=job.dataset, split="train")


def write_model(job: TrainingConfig, trainer: Trainer[Loss]) -> Path:
    """Write the EMA weights as safetensors, and the card; returns the path of the card."""
    weights = job.output / f"{job.name}.safetensors"
    write_tensors(weights, trainer.average)
    schedule = trainer.loss.schedule
    training = trainer.described() | {"options": trainer.loss.options, "device": job.device}
    training |= {name: trainer.identity[name] for name in ("init_from", "init_from_sha256") if name in trainer.identity}
    card = Card(
        name=job.name, dataset=job.dataset, licence=job.licence, shape=list(trainer.images.shape[1:]),
        data_range=[-1.0, 1.0], architecture=dict(trainer.architecture), prediction=job.prediction,
        schedule={"name": schedule.name, **describe(schedule)}, sigma_data=trainer.loss.sigma_data,
        continuous=schedule.steps is None, grid=job.grid or GRID_OF.get(schedule.name, "uniform"),
        features=job.features, reference=f"{job.name}.reference.npz" if job.reference else None,
        metrics=["fid"] if job.features else [], training=training,
        problem=trainer.described_problem, weights=weights.name, sha256=sha256(weights),
        autoencoder=f"{job.name}.autoencoder.json" if job.latent else None,
        format=LATENT_FORMAT if job.latent else CARD_FORMAT,
    )  # fmt: skip
    path = job.output / f"{job.name}.json"
    card.write(path)
    return path
