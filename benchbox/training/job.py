"""The validated options of a training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchbox.errors import UsageError
from benchbox.model import Prediction
from benchbox.nets.measured import measured_channels
from benchbox.problem import Problem
from benchbox.registry import registry
from benchbox.schedule import Schedule
from benchbox.training.losses import OPTIONS_OF

SCHEDULE_OF = {"eps": "ddpm", "x0": "ddpm", "v": "cosine", "score": "ve", "edm": "edm", "flow": "flow"}
LOSS_OPTIONS = {"sigma_data": float, "ladder": int, "p_mean": float, "p_std": float}


@dataclass(frozen=True)
class TrainingConfig:
    """The options of `benchbox train`. UsageError where they are invalid."""

    data: Path
    output: Path
    name: str
    prediction: Prediction
    settings: list[str] | None = None
    key: str | None = None
    schedule: str | None = None
    widths: str | None = None
    blocks: int = 1
    patch: int | None = None
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
    reference: bool = False
    resume: bool = True
    command: str = ""
    learn_variance: bool = False
    init_from: str | None = None
    problem: Problem | None = None
    latent: bool = False
    latent_channels: int = 4
    autoencoder_widths: str = "32:64"
    autoencoder_steps: int = 2000

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.latent and (self.problem or self.learn_variance):
            option = "--problem" if self.problem else "--learn-variance"
            raise UsageError(f"{option} applies to images, and --latent trains a network on latents: leave one out.")
        if self.reference and not self.features:
            raise UsageError(
                "--reference needs --features NAME, such as mnist-cnn for digits (28×28): benchbox doctor lists them."
            )

    @property
    def in_bfloat16(self) -> bool:
        """Whether the network computes in bfloat16: by default on a GPU."""
        return self.device.startswith("cuda") if self.bfloat16 == "auto" else self.bfloat16 == "bfloat16"

    def schedule_and_loss(self) -> tuple[Schedule, dict[str, Any]]:
        """The schedule and the options of the loss, from the settings OPTION=VALUE."""
        name = self.schedule or SCHEDULE_OF[self.prediction]
        loss: dict[str, Any] = {}
        options: dict[str, str] = {}
        for setting in self.settings or []:
            option, equals, value = setting.partition("=")
            if not equals:
                raise UsageError(f"--set {setting} must have the form OPTION=VALUE.")
            if option in LOSS_OPTIONS:
                try:
                    loss[option] = LOSS_OPTIONS[option](value)
                except ValueError:
                    raise UsageError(f"--set {setting}: {option} takes a number.") from None
                if option not in ("sigma_data", *OPTIONS_OF.get(self.prediction, ())):
                    raise UsageError(f"--set {setting}: the loss of prediction {self.prediction} has no {option}.")
            else:
                options[option.removeprefix(f"{name}.")] = value
        schedule = registry().get("schedule", name, options)
        if self.learn_variance and schedule.steps is None:
            raise UsageError(
                "--learn-variance needs steps from one level to the next, of a discrete schedule: "
                f"{schedule.name} is continuous, so add --prediction eps --schedule ddpm."
            )
        return schedule, loss

    def architecture(self, shape: list[int], classes: int = 0) -> dict[str, Any]:
        """The options of the U-Net for images of (channels, height, width). UsageError where it does not fit them."""
        patch = self.patch or (1 if self.latent else 2)
        widths = checked_widths(self.widths or ("96" if self.latent else "32:80"), patch, shape)
        # scales the network's time, k−1 in 0 … T−1, c_noise in about ±1.6 or t in 0 … 1, to about 0 … 1000
        discrete = (self.schedule or SCHEDULE_OF[self.prediction]) == "ddpm"
        scale = 250.0 if self.prediction == "edm" else 1.0 if discrete else 1000.0
        options = {
            "net": "unet", "channels": shape[0], "widths": widths, "blocks": self.blocks, "patch": patch,
            "time_scale": scale,
        }  # fmt: skip
        options |= {"learned_variance": True} if self.learn_variance else {}
        options |= {"measured": measured_channels(self.problem, shape)} if self.problem else {}
        return options | {"classes": classes} if classes else options


def check_name(name: str) -> None:
    """UsageError where the name of a model is no valid file name."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        near = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "my-model"
        raise UsageError(
            f"--name {name} is no valid file name: use letters, digits, dots, hyphens, underscores, as {near}."
        )


def checked_widths(text: str, patch: int, shape: list[int]) -> list[int]:
    """The widths a:b:c of a U-Net's levels. UsageError where they are invalid, or do not fit images of the shape."""
    widths = parsed_widths(text, "--widths")
    unit = patch * 2 ** (len(widths) - 1)
    _, height, width = shape
    if height % unit or width % unit:
        raise UsageError(f"images of {height}×{width} are not divisible by {unit}: change --patch or --widths.")
    return widths


def parsed_widths(text: str, option: str) -> list[int]:
    """The widths a:b:c of an option. UsageError where they are invalid."""
    try:
        widths = [int(w) for w in text.split(":")]
    except ValueError:
        raise UsageError(f"{option} {text} must have the form a:b:c, with integers.") from None
    if any(w % 16 or w < 16 for w in widths):
        raise UsageError(f"{option} {text}: each must be a multiple of 16.")
    return widths
