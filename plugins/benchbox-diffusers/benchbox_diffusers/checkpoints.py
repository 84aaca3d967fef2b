"""A folder that diffusers saved: what is in it, read from its JSON files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox_diffusers.schedules import Betas

if TYPE_CHECKING:
    from benchbox import Schedule
    from benchbox.model import Prediction

PIPELINES = ("DDIMPipeline", "DDPMPipeline", "PNDMPipeline", "ScoreSdeVePipeline")
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
SAFE, PICKLED = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"


@dataclass(frozen=True)
class Checkpoint:
    """A U-Net's folder with its configuration, and its scheduler's configuration where there is one."""

    folder: Path
    unet: dict[str, Any]
    scheduler: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        size = self.unet["sample_size"]
        return (self.unet.get("in_channels", 3), *((size, size) if isinstance(size, int) else size))

    @property
    def exploding(self) -> bool:
        """Whether it is a Score-SDE of the variance-exploding kind: the score, asked at σ, of data in [0, 1]."""
        return self.scheduler.get("_class_name") == "ScoreSdeVeScheduler"

    @property
    def grid(self) -> str:
        spacing = self.scheduler.get("timestep_spacing", "leading")
        return spacing if spacing in ("leading", "trailing") and not self.exploding else "uniform"

    def prediction(self) -> Prediction:
        """What the network puts out. ValueError where that is not said, or not known."""
        if self.exploding:
            return "score"
        if not self.scheduler:
            raise ValueError(f"{self.folder} says nothing of a scheduler: --set prediction=eps schedule=ddpm, say.")
        said = self.scheduler.get("prediction_type", "epsilon")
        if said not in PREDICTIONS:
            raise ValueError(f"{self.folder} predicts {said!r}: {', '.join(PREDICTIONS)} are read.")
        return PREDICTIONS[said]

    def schedule(self) -> Schedule:
        """The noise of its training. ValueError where its scheduler is of another kind."""
        from benchbox import get

        config = self.scheduler
        if self.exploding:
            ends = {end: config.get(end, usual) for end, usual in (("sigma_min", 0.01), ("sigma_max", 1348.0))}
            return get("schedule", "ve", **ends)
        if "beta_start" not in config and not config.get("trained_betas"):
            raise ValueError(f"{self.folder} has a {config.get('_class_name')}, whose noise schedule is not read.")
        known = {f.name: config[f.name] for f in fields(Betas) if config.get(f.name)}
        betas = Betas(**known | {"trained_betas": tuple(known.get("trained_betas", ()))})
        if betas != Betas(beta_start=betas.beta_start, beta_end=betas.beta_end, num_train_timesteps=betas.steps):
            return betas
        # the core's own name for it; it states its β for T = 1000
        per = betas.steps / 1000
        return get(
            "schedule", "ddpm", steps=betas.steps, beta_min=betas.beta_start * per, beta_max=betas.beta_end * per
        )

    def weights(self, trust_pickle: bool) -> Path:
        """The file of the weights. ValueError where it is missing, or a pickle that is not trusted."""
        if (safe := self.folder / SAFE).is_file():
            return safe
        if not (pickled := self.folder / PICKLED).is_file():
            raise ValueError(f"{self.folder} has no {SAFE}.")
        if not trust_pickle:
            raise ValueError(f"{pickled} is a pickle, which can run any code: --set trust_pickle=true if you trust it.")
        return pickled


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
    return Checkpoint(folder, unet, json_of(beside / "scheduler_config.json"))


def json_of(file: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none. ValueError where it is not JSON."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}.") from None
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
