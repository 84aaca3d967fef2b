"""Checkpoints and whole pipelines of diffusers as models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox import Grid, get
from benchbox.agreement import Agreement
from benchbox_diffusers.conditions import check_options, conditions, unconditional
from benchbox_diffusers.pipeline_model import PipelineModel
from benchbox_diffusers.prompts import digest, encoders_sha256
from benchbox_diffusers.training import Training

if TYPE_CHECKING:
    from torch import Tensor


def own_levels(config: dict[str, Any], jumps: bool) -> Grid:
    """The levels of a pipeline's DDIM scheduler, or of its LCM scheduler, as its configuration spaces them."""
    if jumps:
        return get("grid", "diffusers:LCMScheduler", training=config.get("original_inference_steps", 50))
    options = {name: config[name] for name in ("timestep_spacing", "steps_offset") if name in config}
    return get("grid", "diffusers:DDIMScheduler", **options)


@dataclass(frozen=True)
class Diffusers(PipelineModel):
    """A pipeline of diffusers, or a UNet2DModel alone, in a local folder: diffusers:FOLDER.

    prompts, negative: files with one prompt per line; sample i has prompt i mod n. label: the classes of the samples,
    in turn (default: all). size: of the pictures in pixels, height:width (default: that of the network). embedded: the
    guidance number of a network that takes one. weights_dtype: float16 or bfloat16, in memory. vae_slicing,
    vae_tiling: the decoder decodes one sample at a time, or in tiles. offload: layers are on the GPU only while they
    are called. embeddings: the folder or file of kept embeddings (default: embeddings beside the results).

    prediction, schedule: default to the configuration of its scheduler. variant: which of several weights (fp16, ema,
    …; default: no variant). hub=true: download the folder of this name from the hub. Pickled weights are refused unless
    trust_pickle=true.
    """

    name = "diffusers"

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

    @property
    def grid(self) -> Grid | str:
        """The levels of its pipeline; of a U-Net alone those of its scheduler's spacing."""
        training = self.checkpoint.training
        return (
            own_levels(training.values, training.jumps)
            if self.latent and isinstance(training, Training)
            else training.grid
        )

    @property
    def own_grid(self) -> bool:
        return self.prediction == "flow" or (self.latent and self.jumps is not None)

    @property
    def continuous(self) -> bool:
        return self.checkpoint.family.network_class != "UNet2DModel"

    @property
    def half_weights(self) -> bool:
        """Unless it keeps the dtype of the option weights_dtype, or its layers move."""
        return self.weights_dtype is None and not self.offload

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("fid",) if self.features else ()

    @property
    def data_range(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.checkpoint.training.exploding else (-1.0, 1.0)

    @cached_property
    def sha256(self) -> str:
        """Of the network's weights; of a pipeline's, with those of the decoder and of the text encoders."""
        if not self.latent:
            return self.weights.sha256
        vae = self.weights_in(self.checkpoint.vae_folder).sha256
        return digest([self.weights.sha256, vae, encoders_sha256(self.checkpoint) if self.prompts else None])

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

        return agreements(self, str(device)) if self.latent or self.jumps else iter(())

    def network(self, device: Any) -> Callable[..., Tensor]:
        from benchbox_diffusers.networks import ConsistencyNetwork, Network, placed

        checkpoint = self.checkpoint
        class_name, dtype = checkpoint.family.network_class, self.weights_dtype or "float32"
        net = self.weights.load(checkpoint.folder, class_name, dtype)
        sigma_schedule = self.schedule if self.prediction == "score" else None
        kind = ConsistencyNetwork if checkpoint.family.consistency else Network
        network = kind(
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
