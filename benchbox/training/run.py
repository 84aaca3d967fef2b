"""From what the user asked to a trained network: images, loss, loop, weights and card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from benchbox import nets
from benchbox.card import Card, sha256
from benchbox.errors import UsageError, unknown
from benchbox.metrics.images import read_images, read_labels
from benchbox.model import Prediction
from benchbox.options import describe
from benchbox.registry import registry
from benchbox.schedule import Schedule
from benchbox.training.loop import Recipe, Trainer
from benchbox.training.losses import Loss

SCHEDULE_OF = {"eps": "ddpm", "x0": "ddpm", "v": "cosine", "score": "ve", "edm": "edm", "flow": "flow"}
GRID_OF = {"ddpm": "trailing", "edm": "karras", "ve": "logsnr", "vp": "uniform", "subvp": "uniform"}
LOSS_OPTIONS = {"sigma_data": float, "ladder": int, "p_mean": float, "p_std": float}


@dataclass(frozen=True)
class Job:
    """One training, as the command line asks for it."""

    data: Path
    output: Path
    name: str
    prediction: Prediction
    settings: list[str] | None = None
    key: str | None = None
    schedule: str | None = None
    widths: str = "32:80"
    blocks: int = 1
    patch: int = 2
    steps: int = 10_000
    batch_size: int = 128
    lr: float = 1e-3
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    labels: str | None = None
    device: str = "cpu"
    bfloat16: Literal["auto", "float32", "bfloat16"] = "auto"
    dataset: str = "images"
    licence: str = "not stated"
    grid: str | None = None
    features: str | None = None
    resume: bool = True
    command: str = ""

    def schedule_and_loss(self) -> tuple[Schedule, dict[str, Any]]:
        """The schedule and the loss's options, from the settings OPTION=VALUE."""
        name = self.schedule or SCHEDULE_OF[self.prediction]
        loss: dict[str, Any] = {}
        options: dict[str, str] = {}
        for setting in self.settings or []:
            option, equals, value = setting.partition("=")
            if not equals:
                raise UsageError(f"--set {setting} is not of the form OPTION=VALUE.")
            if option in LOSS_OPTIONS:
                try:
                    loss[option] = LOSS_OPTIONS[option](value)
                except ValueError:
                    raise UsageError(f"--set {setting}: {option} takes a number.") from None
            else:
                options[option.removeprefix(f"{name}.")] = value
        return registry().get("schedule", name, options), loss

    def architecture(self, shape: list[int], classes: int = 0) -> dict[str, Any]:
        """The U-Net of this job for images of (channels, height, width). UsageError where it does not fit them."""
        channels, height, width = shape
        try:
            widths = [int(w) for w in self.widths.split(":")]
        except ValueError:
            raise UsageError(f"--widths {self.widths} is not of the form a:b:c, integers.") from None
        if any(w % 16 for w in widths) or not widths:
            raise UsageError(f"--widths {self.widths}: each must be a multiple of 16.")
        unit = self.patch * 2 ** (len(widths) - 1)
        if height % unit or width % unit:
            raise UsageError(f"images of {height}×{width} do not divide into {unit}: change --patch or --widths.")
        # the network's time is k−1 in 0 … T−1, c_noise in about ±1.6, or t in 0 … 1: all to a range of about 1000
        discrete = (self.schedule or SCHEDULE_OF[self.prediction]) == "ddpm"
        scale = 250.0 if self.prediction == "edm" else 1.0 if discrete else 1000.0
        made = {
            "net": "unet", "channels": channels, "widths": widths, "blocks": self.blocks, "patch": self.patch,
            "time_scale": scale,
        }  # fmt: skip
        return made | {"classes": classes} if classes else made


def run(job: Job, report: Callable[[int, float], None]) -> Path:
    """Train, and write weights and card; returns the card's path. `report(step, loss)` is called now and then."""
    schedule, options = job.schedule_and_loss()
    pixels = read_images(job.data, job.key)
    sigma_data = options.pop("sigma_data", None) or round(float((pixels[:10_000] / 127.5 - 1).std()), 3)
    labels = None if job.labels is None else torch.as_tensor(read_labels(job.data, job.labels, len(pixels)))
    architecture = job.architecture(list(pixels.shape[1:]), 0 if labels is None else int(labels.max()) + 1)
    for kind, chosen in (("grid", job.grid), ("schedule", schedule.name)):
        if chosen and chosen not in registry().names(kind):
            raise unknown(kind, chosen, registry().names(kind))
    try:
        job.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {job.output}: {error.strerror}.") from None
    torch.manual_seed(job.seed)
    device = torch.device(job.device)
    network = nets.make(architecture, job.prediction, schedule, sigma_data).to(device)
    bfloat16 = device.type == "cuda" if job.bfloat16 == "auto" else job.bfloat16 == "bfloat16"
    warmup = min(200, job.steps // 10)
    recipe = Recipe(
        job.steps, job.batch_size, job.lr, warmup, clip=job.clip, ema=job.ema, seed=job.seed, bfloat16=bfloat16
    )
    loss = Loss(job.prediction, schedule, sigma_data, **options)
    labels = None if labels is None else labels.to(device)
    trainer = Trainer(network, loss, torch.as_tensor(pixels).to(device), recipe, labels)
    checkpoint = job.output / f"{job.name}.checkpoint.safetensors"
    if job.resume and checkpoint.exists():
        trainer.resume(checkpoint)
    trainer.note(job.command)
    for step, mean in trainer.run(checkpoint):
        report(step, mean)
    return write(job, trainer, schedule, sigma_data, architecture, list(pixels.shape[1:]))


def options_of(loss: Loss) -> dict[str, Any]:
    """The numbers of the loss that its prediction uses."""
    used = {"edm": ("p_mean", "p_std"), "score": ("ladder",)}.get(loss.prediction, ())
    return {name: getattr(loss, name) for name in used}


def write(
    job: Job, trainer: Trainer, schedule: Schedule, sigma_data: float, architecture: dict[str, Any], shape: list[int]
) -> Path:
    """The averaged weights as safetensors, and the card."""
    weights = job.output / f"{job.name}.safetensors"
    save_file({n: a.detach().cpu().contiguous() for n, a in trainer.average.items()}, weights)
    training = asdict(trainer.recipe) | {
        "commands": [f"from step {step}: {command}" for step, command in trainer.history],
        "options": options_of(trainer.loss), "seconds": round(trainer.seconds), "device": job.device,
        "images": len(trainer.images), "torch": torch.__version__,
    }  # fmt: skip
    card = Card(
        name=job.name, dataset=job.dataset, licence=job.licence, shape=shape, data_range=[-1.0, 1.0],
        architecture=architecture, prediction=job.prediction,
        schedule={"name": schedule.name, **describe(schedule)}, sigma_data=sigma_data,
        continuous=schedule.steps is None, grid=job.grid or GRID_OF.get(schedule.name, "uniform"),
        features=job.features, metrics=["fid"] if job.features else ["sw2"], training=training,
        weights=weights.name, sha256=sha256(weights),
    )  # fmt: skip
    path = job.output / f"{job.name}.json"
    card.write(path)
    return path
