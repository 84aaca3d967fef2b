"""Checkpoints and whole pipelines of diffusers as models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchbox import Grid, Model, Schedule, get
from benchbox.classes import LATER_OPTION
from benchbox.model import Agreement, Prediction
from benchbox_diffusers.checkpoints import Checkpoint, fetch, read
from benchbox_diffusers.conditions import check_options, conditions, unconditional
from benchbox_diffusers.prompts import Prompts, digest, encoders_sha256, read_prompts
from benchbox_diffusers.training import Training
from benchbox_diffusers.weights import Weights, find

if TYPE_CHECKING:
    from torch import Tensor


def own_levels(config: dict[str, Any]) -> Grid:
    """The levels of a pipeline's DDIM scheduler, as its configuration spaces them."""
    options = {name: config[name] for name in ("timestep_spacing", "steps_offset") if name in config}
    return get("grid", "diffusers:DDIMScheduler", **options)


@dataclass(frozen=True)
class Diffusers(Model):
    """A pipeline of diffusers, or a UNet2DModel alone, in a local folder: diffusers:FOLDER.

    prompts, negative: files with one prompt per line; sample i has prompt i mod n. label: the classes of the samples,
    in turn (default: all). size: of the pictures in pixels, height:width (default: that of the network). embedded: the
    guidance number of a network that takes one. weights_dtype: float16 or bfloat16, in memory. vae_slicing,
    vae_tiling: the decoder decodes one sample at a time, or in tiles. offload: layers are on the GPU only while they
    are called. embeddings: the folder or file of kept embeddings (default: the folder embeddings).

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

    def __post_init__(self) -> None:
        if not self.path.is_dir() and not self.hub:
            raise ValueError(f"there is no folder {self.path}; --set hub=true looks for this name on the hub.")
        object.__setattr__(self, "prediction", self.prediction or self.checkpoint.training.prediction())
        object.__setattr__(self, "schedule", self.schedule or self.checkpoint.training.schedule())
        object.__setattr__(self, "dataset", self.dataset or self.path.resolve().name)
        check_options(self)
        self.weights  # noqa: B018 (refuses bad weights before any work)

    @classmethod
    def hint(cls, path: Path) -> str | None:
        configured = any((path / name).is_file() for name in ("model_index.json", "config.json", "unet/config.json"))
        return f"diffusers:{path}" if configured else None

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return read(self.path if self.path.is_dir() else fetch(str(self.path)), self.size)

    @cached_property
    def weights(self) -> Weights:
        """The files of the network's weights."""
        return self._find(self.checkpoint.folder)

    def _find(self, folder: Path) -> Weights:
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
    def grid(self) -> Grid | str:
        """The levels of its pipeline; of a U-Net alone those of its scheduler's spacing."""
        training = self.checkpoint.training
        return own_levels(training.values) if self.latent and isinstance(training, Training) else training.grid

    @property
    def own_grid(self) -> bool:
        return self.prediction == "flow"

    @property
    def continuous(self) -> bool:
        return self.checkpoint.family.network_class != "UNet2DModel"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("fid",) if self.features else ()

    @property
    def data_range(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.checkpoint.training.exploding else (-1.0, 1.0)

    @property
    def guidance_number(self) -> float | None:
        """What a network with an embedded guidance is told; None where it takes none."""
        takes = self.checkpoint.config.get("guidance_embeds")
        return (self.checkpoint.family.embedded if self.embedded is None else self.embedded) if takes else None

    @cached_property
    def sha256(self) -> str:
        """Of the network's weights; of a pipeline's, with those of the decoder and of the text encoders."""
        if not self.latent:
            return self.weights.sha256
        vae = self._find(self.checkpoint.vae_folder).sha256
        return digest([self.weights.sha256, vae, encoders_sha256(self.checkpoint) if self.prompts else None])

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

    @property
    def period(self) -> int | None:
        return len(self.texts.texts) if self.prompts else None

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return conditions(self, index)

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        return unconditional(self, index)

    def agreements(self, device: Any) -> Iterator[Agreement]:
        """Its pipeline's own loop beside a run of benchbox, step by step."""
        from benchbox_diffusers.gate import agreements

        return agreements(self, str(device)) if self.latent else iter(())

    def network(self, device: Any) -> Callable[..., Tensor]:
        from benchbox_diffusers.networks import Network, placed

        checkpoint = self.checkpoint
        class_name, dtype = checkpoint.family.network_class, self.weights_dtype or "float32"
        net = self.weights.load(checkpoint.folder, class_name, dtype)
        sigma_schedule = self.schedule if self.prediction == "score" else None
        network = Network(
            net, checkpoint.family, checkpoint.time, checkpoint.factor, self.guidance_number, sigma_schedule,
            self.learned_variance,
        )  # fmt: skip
        return placed(network, device, self.weights_dtype is not None, self.offload)

    def decode(self, x: Tensor) -> Tensor:
        from benchbox_diffusers.decoders import decode, decoder

        if not self.latent:
            return x
        dtype, device = self.weights_dtype or "float32", str(x.device)
        options = self.vae_slicing, self.vae_tiling
        return decode(decoder(self.checkpoint.vae_folder, self.variant, self.trust_pickle, dtype, *options, device), x)
