"""The options of a pipeline as a model, and what its checkpoint says."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from benchbox import Model, Schedule
from benchbox.classes import LATER_OPTION
from benchbox.model import Jumps, Prediction
from benchbox_diffusers.checkpoints import Checkpoint, fetch, read
from benchbox_diffusers.prompts import Prompts, read_prompts
from benchbox_diffusers.weights import Weights, find


@dataclass(frozen=True)
class PipelineModel(Model):
    """The options, see `benchbox_diffusers.models.Diffusers`."""

    path: Path
    prediction: Prediction | None = None
    schedule: Schedule = None  # type: ignore[assignment]  # resolved below
    dataset: str = ""
    features: str | None = None
    variant: str | None = None
    hub: bool = False
    trust_pickle: bool = False
    prompts: Path | None = field(default=None, metadata=LATER_OPTION)
    negative: Path | None = field(default=None, metadata=LATER_OPTION)
    label: tuple[int, ...] = field(default=(), metadata=LATER_OPTION)
    size: tuple[int, ...] = field(default=(), metadata=LATER_OPTION)
    embedded: float | None = field(default=None, metadata=LATER_OPTION)
    weights_dtype: Literal["float16", "bfloat16"] | None = field(default=None, metadata=LATER_OPTION)
    vae_slicing: bool = field(default=False, metadata=LATER_OPTION)
    vae_tiling: bool = field(default=False, metadata=LATER_OPTION)
    offload: bool = field(default=False, metadata=LATER_OPTION)
    embeddings: Path | None = field(default=None, metadata=LATER_OPTION)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return read(self.path if self.path.is_dir() else fetch(str(self.path)), self.size)

    @cached_property
    def weights(self) -> Weights:
        """The files of the network's weights."""
        return self.weights_in(self.checkpoint.folder)

    def weights_in(self, folder: Path) -> Weights:
        return find(folder, self.variant, self.trust_pickle)

    @property
    def title(self) -> str:
        return f"diffusers:{self.path.resolve().name}"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.checkpoint.shape

    @property
    def latent(self) -> bool:
        return self.checkpoint.family.vae is not None

    @property
    def data_shape(self) -> tuple[int, ...]:
        checkpoint = self.checkpoint
        if not self.latent:
            return self.shape
        return (checkpoint.vae.get("out_channels", 3), *(side * checkpoint.factor for side in self.shape[1:]))

    @property
    def guidance_number(self) -> float | None:
        """What a network with an embedded guidance is told; None where it takes none."""
        config = self.checkpoint.config
        takes = config.get("guidance_embeds") or config.get("time_cond_proj_dim")
        return (self.checkpoint.family.embedded if self.embedded is None else self.embedded) if takes else None

    @property
    def jumps(self) -> Jumps | None:
        return "consistency" if self.checkpoint.training.jumps else None

    @property
    def sigma_data(self) -> float | None:
        return self.checkpoint.sigma_data

    @property
    def learned_variance(self) -> bool:
        return self.checkpoint.learned_variance and self.prediction != "score"

    @property
    def classes(self) -> int:
        return self.checkpoint.classes

    @property
    def texts(self) -> Prompts:
        """The prompts of its file."""
        assert self.prompts is not None
        return read_prompts(self.prompts, self.negative)
