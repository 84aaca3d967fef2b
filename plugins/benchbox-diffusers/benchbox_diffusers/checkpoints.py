"""A folder that diffusers saved: what is in it, read from its JSON files alone."""

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
    """A U-Net's folder with its configuration, and what its scheduler says of its training."""

    folder: Path
    unet: dict[str, Any]
    training: Training

    @property
    def shape(self) -> tuple[int, ...]:
        size = self.unet["sample_size"]
        return (self.unet.get("in_channels", 3), *((size, size) if isinstance(size, int) else size))


def read(path: Path) -> Checkpoint:
    """The checkpoint in a folder, of a pipeline or of a U-Net alone. ValueError where it is of another kind."""
    index = json_of(path / "model_index.json")
    if index and index.get("_class_name") not in PIPELINES:
        raise ValueError(
            f"{path} holds a {index.get('_class_name')}, which needs more than noise, or is a latent or distilled "
            f"model: {', '.join(PIPELINES)} are read."
        )
    folder, beside = path / "unet", path / "scheduler"
    folder, beside = (part if part.is_dir() else path for part in (folder, beside))
    unet = json_of(folder / "config.json")
    if not unet:
        raise ValueError(f"{path} holds no checkpoint of diffusers: there is no config.json of a U-Net in it.")
    if unet.get("_class_name") != "UNet2DModel":
        raise ValueError(f"{folder} holds a {unet.get('_class_name')}: only UNet2DModel is read.")
    if unet.get("class_embed_type") or unet.get("num_class_embeds"):
        raise ValueError(f"{folder} is conditional on a class: only unconditional models are read.")
    if not unet.get("sample_size"):
        raise ValueError(f"{folder}/config.json does not say the sample_size.")
    return Checkpoint(folder, unet, Training(folder, json_of(beside / "scheduler_config.json")))


def json_of(file: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none. ValueError where it is not JSON of names and values."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read as JSON: {sentence(error)}.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds a {type(found).__name__} where names and values are meant.")
    return found


def fetch(name: str) -> Path:
    """The folder of a checkpoint on the hub, from the local cache or the network. ValueError where neither has it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.bin"]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        said = str(error).strip().splitlines()[0].rstrip(".:")
        raise ValueError(
            f"{name} cannot be fetched from the hub ({said}): copy its folder here and give its path."
        ) from None
