"""The JSON files of a checkpoint folder of diffusers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchbox.errors import sentence
from benchbox_diffusers.training import Training

PIPELINES = ("DDIMPipeline", "DDPMPipeline", "PNDMPipeline", "ScoreSdeVePipeline")


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a U-Net, its configuration, and its training according to the scheduler."""

    folder: Path
    unet: dict[str, Any]
    training: Training

    @property
    def shape(self) -> tuple[int, ...]:
        size = self.unet["sample_size"]
        return (self.unet.get("in_channels", 3), *((size, size) if isinstance(size, int) else size))


def read(path: Path) -> Checkpoint:
    """The checkpoint in a folder, of a pipeline or of a single U-Net. ValueError for other kinds."""
    index = json_of(path / "model_index.json")
    if index and index.get("_class_name") not in PIPELINES:
        raise ValueError(
            f"{path} holds a {index.get('_class_name')}, which is conditional, latent or distilled: "
            f"{', '.join(PIPELINES)} are supported."
        )
    folder, scheduler = (path / name if (path / name).is_dir() else path for name in ("unet", "scheduler"))
    unet = json_of(folder / "config.json")
    if not unet:
        raise ValueError(f"{path} is not a checkpoint of diffusers: it has no config.json of a U-Net.")
    if unet.get("_class_name") != "UNet2DModel":
        raise ValueError(f"{folder} holds a {unet.get('_class_name')}: only UNet2DModel is supported.")
    if unet.get("class_embed_type") or unet.get("num_class_embeds"):
        raise ValueError(f"{folder} is class-conditional: only unconditional models are supported.")
    if not unet.get("sample_size"):
        raise ValueError(f"{folder}/config.json has no sample_size.")
    return Checkpoint(folder, unet, Training(folder, json_of(scheduler / "scheduler_config.json")))


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
