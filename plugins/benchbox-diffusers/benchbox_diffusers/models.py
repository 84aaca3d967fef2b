"""Unconditional checkpoints of diffusers as models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox import Model, Schedule
from benchbox.model import Prediction
from benchbox_diffusers.checkpoints import Checkpoint, fetch, read
from benchbox_diffusers.weights import Weights, find

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Diffusers(Model):
    """A UNet2DModel of diffusers, alone or in a DDPM, DDIM, PNDM or Score-SDE-VE pipeline's folder: diffusers:FOLDER.

    prediction, schedule: default to the configuration of its scheduler. variant: which of several weights (fp16, ema,
    …; default: no variant). hub=true: download the folder of this name from the hub. Pickled weights are refused unless
    trust_pickle=true.
    """

    name = "diffusers"
    path: Path
    prediction: Prediction | None = None
    schedule: Schedule = None  # type: ignore[assignment]  # resolved below
    dataset: str = ""
    features: str | None = None
    variant: str | None = None
    hub: bool = False
    trust_pickle: bool = False

    def __post_init__(self) -> None:
        if not self.path.is_dir() and not self.hub:
            raise ValueError(f"there is no folder {self.path}; --set hub=true looks for this name on the hub.")
        object.__setattr__(self, "prediction", self.prediction or self.checkpoint.training.prediction())
        object.__setattr__(self, "schedule", self.schedule or self.checkpoint.training.schedule())
        object.__setattr__(self, "dataset", self.dataset or self.path.resolve().name)
        if self.prediction != "score" and self.schedule.steps is None:
            raise ValueError(
                f"a UNet2DModel needs a discrete schedule, and {self.schedule.name} is continuous: use ddpm."
            )
        self.weights  # noqa: B018 (refuses bad weights before any work)

    @classmethod
    def hint(cls, path: Path) -> str | None:
        configured = any((path / name).is_file() for name in ("model_index.json", "config.json", "unet/config.json"))
        return f"diffusers:{path}" if configured else None

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return read(self.path if self.path.is_dir() else fetch(str(self.path)))

    @cached_property
    def weights(self) -> Weights:
        return find(self.checkpoint.folder, self.variant, self.trust_pickle)

    @property
    def title(self) -> str:
        return f"diffusers:{self.path.resolve().name}"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.checkpoint.shape

    @property
    def grid(self) -> str:
        return self.checkpoint.training.grid

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("fid",) if self.features else ()

    @property
    def data_range(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.checkpoint.training.exploding else (-1.0, 1.0)

    @cached_property
    def sha256(self) -> str:
        return self.weights.sha256

    def network(self, device: Any) -> Callable[..., Tensor]:
        from benchbox_diffusers.unet import Unet

        net = self.weights.load(self.checkpoint.folder)
        return Unet(net, self.schedule if self.prediction == "score" else None).to(device).eval().requires_grad_(False)
