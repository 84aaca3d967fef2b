"""A distillation from its options to the weights and the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from benchbox.card import JUMPING_FORMAT, sha256
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.models.card_model import CardModel
from benchbox.options import describe
from benchbox.prediction import Wrapped
from benchbox.registry import registry
from benchbox.training.checkpoint import fit, make_folder, write_tensors
from benchbox.training.distillation import Distillation, Distiller
from benchbox.training.initial import card_network
from benchbox.training.job import check_name
from benchbox.training.recipe import Recipe


@dataclass(frozen=True)
class DistillationConfig:
    """The options of `benchbox train --distill`. UsageError where they are invalid."""

    teacher: str
    output: Path
    name: str
    steps: int = 4_000
    batch_size: int = 16
    lr: float = 2e-3
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    device: str = "cpu"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    resume: bool = True
    command: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)


def distill_model(job: DistillationConfig, report: Callable[[int, float], None]) -> Path:
    """Distill, and write weights and card; returns the path of the card. `report(step, loss)` as in `train_model`.

    UsageError before the first step where the teacher is no network with a card, or the directory is not writable.
    """
    teacher = card_teacher(job.teacher)
    distiller = prepared_distillation(job, teacher)
    fit(distiller, job, report)
    return write_student(job, teacher, distiller)


def card_teacher(name: str) -> CardModel:
    """The model with that name, or of that card."""
    model = card_network(name, "--distill")
    if model.problem is not None:
        raise UsageError(f"--distill {name}: this network takes measurements, and distillation has none.")
    if model.latent:
        raise UsageError(f"--distill {name}: this network makes latents, and a distilled card has no autoencoder.")
    if not model.denoises:
        raise UsageError(f"--distill {name}: this network jumps already.")
    if model.learned_variance:
        raise UsageError(f"--distill {name}: this network learned a variance, which a jump does not have.")
    return model


def prepared_distillation(job: DistillationConfig, teacher: CardModel) -> Distiller:
    """The distillation at its first step: the student has the weights of the teacher."""
    make_folder(job.output)
    device = torch.device(job.device)
    bfloat16 = device.type == "cuda" if job.precision == "auto" else job.precision == "bfloat16"
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    student = Wrapped(teacher, device, dtype)
    student.network = network = teacher.module(device)
    loss = Distillation(Denoiser(teacher, device, dtype), student, registry().get("sampler", "ode", {}))
    recipe = Recipe(job.steps, job.batch_size, job.lr, min(200, job.steps // 10), job.clip, job.ema, job.seed, bfloat16)
    no_images = torch.empty(0, *teacher.shape, dtype=torch.uint8, device=device)
    return Distiller(network, loss, no_images, recipe, None, teacher.card.architecture)


def write_student(job: DistillationConfig, teacher: CardModel, distiller: Distiller) -> Path:
    """Write the EMA weights as safetensors, and the card; returns the path of the card."""
    weights = job.output / f"{job.name}.safetensors"
    write_tensors(weights, distiller.average)
    loss = distiller.loss
    training = distiller.described() | {
        "teacher": teacher.title, "teacher_sha256": teacher.sha256, "device": job.device,
        "solver": {"name": loss.solver.name, **describe(loss.solver)}, "levels": loss.n_levels,
    }  # fmt: skip
    card = replace(
        teacher.card,
        name=job.name,
        grid="karras-open",
        jumps="consistency",
        training=training,
        weights=weights.name,
        sha256=sha256(weights),
        format=JUMPING_FORMAT,
    )
    path = job.output / f"{job.name}.json"
    card.write(path)
    return path
