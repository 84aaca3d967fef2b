"""The JSON files of a checkpoint folder of diffusers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchbox.errors import sentence
from benchbox_diffusers.calls import Time
from benchbox_diffusers.consistency import ConsistencyTraining, TrigFlowTraining
from benchbox_diffusers.families import FAMILIES, UNET, Family
from benchbox_diffusers.flows import FlowTraining, is_flow
from benchbox_diffusers.training import Training


@dataclass(frozen=True)
class Checkpoint:
    """A pipeline's folder, or that of a single network.

    pipeline: the class of the pipeline (None: there is only a network). index: model_index.json. folder, config: of
    the network. scheduler: its configuration; empty where it is missing. size: of the pictures in pixels, height and
    width or one number for both (empty: the size that the network was made for).
    """

    root: Path
    pipeline: str | None
    index: dict[str, Any]
    family: Family
    folder: Path
    config: dict[str, Any]
    scheduler: dict[str, Any]
    size: tuple[int, ...] = ()

    @cached_property
    def training(self) -> Training | FlowTraining | ConsistencyTraining | TrigFlowTraining:
        if self.family.consistency:
            return ConsistencyTraining(self.folder, self.scheduler)
        if self.family.trigflow:
            return TrigFlowTraining(self.folder, self.scheduler)
        if not self.family.flow:
            return Training(self.folder, self.scheduler)
        return FlowTraining(self.folder, self.scheduler, self.tokens, self.family.trailing)

    @property
    def tokens(self) -> int | None:
        """The tokens of one sample; None where its pipeline has no shift that depends on them."""
        if not self.family.dynamic:
            return None
        patch = 2 if self.family.packed else int(self.config["patch_size"])
        return (self.shape[1] // patch) * (self.shape[2] // patch)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample: latents (c, h, w), or an image."""
        side = self.family.side or self.config["sample_size"]
        sides = (side, side) if isinstance(side, int) else tuple(side)
        if self.size:
            sides = tuple(pixels // self.factor for pixels in (self.size * 2)[:2])
        return (self.config.get("in_channels", 3) // (4 if self.family.packed else 1), *sides)

    @property
    def vae_folder(self) -> Path:
        """The folder of the decoder, of a family that has one."""
        return self.root / str(self.family.vae)

    @cached_property
    def vae(self) -> dict[str, Any]:
        """The configuration of the decoder; empty where the family has none."""
        return {} if self.family.vae is None else json_of(self.vae_folder / "config.json")

    @property
    def factor(self) -> int:
        """Pixels per latent, in each direction."""
        blocks = self.vae.get("block_out_channels") or self.vae.get("encoder_block_out_channels") or [0]
        return int(2 ** (len(blocks) - 1))

    @property
    def time(self) -> Time:
        """What its network is told of the level: a DPM-Solver on a flow has whole timesteps."""
        training = self.training
        whole = isinstance(training, FlowTraining) and not training.matching and self.family.time == "thousand"
        return "whole" if whole else self.family.time

    @property
    def learned_variance(self) -> bool:
        """Whether the network gives a variance between β̃ and β after its prediction, as ADM and DiT do."""
        doubled = self.config.get("out_channels") == 2 * self.config.get("in_channels", 3)
        return doubled and not self.family.flow and self.scheduler.get("variance_type") != "learned"

    @property
    def sigma_data(self) -> float | None:
        """The standard deviation of the data, of a consistency model."""
        training = self.training
        return training.values["sigma_data"] if isinstance(training, ConsistencyTraining) else None

    @property
    def classes(self) -> int:
        """The classes of a class-conditional network; 0: none."""
        count = self.config.get("num_class_embeds") or (
            self.config.get("num_embeds_ada_norm") if self.family.network_class == "DiTTransformer2DModel" else 0
        )
        return int(count or 0)


def read(path: Path, size: tuple[int, ...] = ()) -> Checkpoint:
    """The checkpoint in a folder, of a pipeline or of a single U-Net. ValueError for other kinds."""
    index = json_of(path / "model_index.json")
    pipeline = index.get("_class_name") if index else None
    family = family_of(path, pipeline) if pipeline else UNET
    if pipeline:
        folder, scheduler = path / family.network, path / "scheduler"
    else:
        folder, scheduler = (path / name if (path / name).is_dir() else path for name in ("unet", "scheduler"))
    config = json_of(folder / "config.json")
    if not config:
        raise ValueError(f"{path} is not a checkpoint of diffusers: it has no config.json of a {family.network}.")
    training = json_of(scheduler / "scheduler_config.json")
    checkpoint = Checkpoint(path, pipeline, index, family, folder, config, training, size)
    check(checkpoint)
    return checkpoint


def family_of(path: Path, pipeline: str) -> Family:
    """The family of a pipeline. ValueError that names one that is not in the table."""
    if pipeline not in FAMILIES:
        raise ValueError(f"{path} holds a {pipeline}, which is not supported: {', '.join(FAMILIES)} are.")
    return FAMILIES[pipeline]


def check(checkpoint: Checkpoint) -> None:
    """ValueError where the folder lacks a part, or holds another network than its family's."""
    family, config, kind = checkpoint.family, checkpoint.config, checkpoint.config.get("_class_name")
    if kind not in (family.network_class, "Transformer2DModel"):
        raise ValueError(f"{checkpoint.folder} holds a {kind}: only {family.network_class} is supported.")
    guided = config.get("time_cond_proj_dim") and family.embedded is None
    if config.get("class_embed_type") or guided:
        key = "class_embed_type" if config.get("class_embed_type") else "time_cond_proj_dim"
        raise ValueError(f"{checkpoint.folder} has {key}={config[key]!r} in its configuration, which is not supported.")
    if not family.side and not config.get("sample_size"):
        raise ValueError(f"{checkpoint.folder}/config.json has no sample_size.")
    if checkpoint.pipeline and not checkpoint.scheduler:
        raise ValueError(f"{checkpoint.root} lacks a part: scheduler/scheduler_config.json.")
    if family.flow and not family.trigflow and not is_flow(checkpoint.scheduler):
        raise ValueError(
            f"{checkpoint.root} has a {checkpoint.scheduler['_class_name']}, and its network predicts a flow."
        )
    if family.vae and not checkpoint.vae:
        raise ValueError(f"{checkpoint.root} lacks a part: {family.vae}/config.json.")
    multiple = checkpoint.factor * (2 if family.packed else 1)
    if len(checkpoint.size) > 2 or any(pixels < 1 or pixels % multiple for pixels in checkpoint.size):
        raise ValueError(f"size is height:width in pixels, multiples of {multiple}.")


def json_of(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where the file is missing. ValueError for anything else."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read as JSON: {sentence(error)}.") from None
    if not isinstance(value, dict):
        raise ValueError(f"{file} holds a {type(value).__name__} instead of a JSON object.")
    return value


def fetch(name: str) -> Path:
    """The folder of a checkpoint of the hub, from the local cache or the network. ValueError if unavailable."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.bin"]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        message = str(error).strip().splitlines()[0].rstrip(".:")
        raise ValueError(
            f"{name} cannot be fetched from the hub ({message}): copy its folder to this machine and pass its path."
        ) from None
