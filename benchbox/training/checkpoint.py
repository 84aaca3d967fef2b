"""A training's checkpoint: all there is to go on from, and all that determines the training, which must not change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.options import describe
from benchbox.store.atomic import write_bytes

if TYPE_CHECKING:
    from benchbox.training.loop import Trainer


def tensor_digest(tensor: Tensor | None) -> str | None:
    """The first digits of the SHA-256 of a tensor's shape and values."""
    if tensor is None:
        return None
    values = tensor.cpu().contiguous().numpy()
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()[:16]


def identity(trainer: Trainer, architecture: Mapping[str, Any]) -> dict[str, Any]:
    """All that determines the trained weights (to rounding, which differs between machines), as JSON has it."""
    loss = trainer.loss
    schedule = {"schedule": loss.schedule.name} | {f"schedule.{k}": v for k, v in describe(loss.schedule).items()}
    network = {f"network.{k}": v for k, v in architecture.items()}
    data = {"images": tensor_digest(trainer.images), "labels": tensor_digest(trainer.labels)}
    options = {"prediction": loss.prediction, "sigma_data": loss.sigma_data, **loss.options}
    return json.loads(json.dumps(data | options | schedule | network | asdict(trainer.recipe)))


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Write everything to go on from, whole or not at all. UsageError where it cannot be written."""
    tensors = {f"network.{n}": p.detach() for n, p in trainer.parameters.items()}
    tensors |= {f"average.{n}": a for n, a in trainer.average.items()}
    for name, parameter in trainer.parameters.items():
        for key, value in trainer.optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{key}.{name}"] = value
    said = {"step": trainer.step, "seconds": trainer.seconds, "commands": trainer.history, "identity": trainer.identity}
    write_tensors(path, tensors, {"training": json.dumps(said)})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], said: dict[str, str] | None = None) -> None:
    """A safetensors file, whole or not at all. UsageError where it cannot be written."""
    try:
        write_bytes(path, save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, said))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def resume_from(trainer: Trainer, path: Path) -> None:
    """Go on from a checkpoint. UsageError where it is of a training that something else determines."""
    device = str(trainer.images.device)
    with reading(path, "a checkpoint of benchbox train"), safe_open(path, "pt", device=device) as file:
        said = json.loads((file.metadata() or {})["training"])
        if different := differences(said["identity"], trainer.identity):
            raise UsageError(
                f"{path} is of another training ({'; '.join(different)}): "
                "start anew with --no-resume, or with another --name."
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        state: dict[str, dict[str, Any]] = {}
        for name in (name for name in tensors if name.startswith("adam.")):
            _, slot, parameter = name.split(".", 2)
            state.setdefault(parameter, {})[slot] = tensors[name]
        with torch.no_grad():
            for name, parameter in trainer.parameters.items():
                parameter.copy_(tensors[f"network.{name}"])
                trainer.average[name].copy_(tensors[f"average.{name}"])
                trainer.optimizer.state[parameter] = state.get(name, {})
        trainer.step, trainer.seconds = int(said["step"]), float(said["seconds"])
        trainer.history = [(int(step), str(command)) for step, command in said["commands"]]


def differences(saved: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What differs between two trainings, such as `prediction edm there, eps here`."""
    names = [name for name in {**saved, **asked} if saved.get(name) != asked.get(name)]
    return [f"{name} {text(saved.get(name))} there, {text(asked.get(name))} here" for name in names]


def text(value: Any) -> str:
    return "none" if value is None else ":".join(map(str, value)) if isinstance(value, list) else str(value)
