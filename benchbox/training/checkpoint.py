"""Checkpoints of a training: its state, with the identity of the training, which must not change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from benchbox.atomic import write_bytes
from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.training.loop import Trainer


class TrainingJob(Protocol):
    """Where a training writes, and whether it resumes."""

    @property
    def output(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def resume(self) -> bool: ...
    @property
    def command(self) -> str: ...


def fit(trainer: Trainer[Any], job: TrainingJob, report: Callable[[int, float], None]) -> None:
    """Train to the last step, from the checkpoint NAME.checkpoint.safetensors where there is one.

    UsageError where it is of another training, or is missing beside a finished model.
    """
    checkpoint = job.output / f"{job.name}.checkpoint.safetensors"
    if job.resume and checkpoint.exists():
        resume_from(trainer, checkpoint)
    elif job.resume and (card := job.output / f"{job.name}.json").exists():
        raise UsageError(
            f"{card} exists and has no checkpoint to resume from: start from scratch with --no-resume, or use another "
            "--name."
        )
    else:
        save_checkpoint(trainer, checkpoint)
    trainer.note(job.command)
    for step, mean in trainer.run(partial(save_checkpoint, path=checkpoint)):
        report(step, mean)


def save_checkpoint(trainer: Trainer[Any], path: Path) -> None:
    """Write the state of a training atomically. UsageError where it cannot be written."""
    tensors = {f"network.{n}": p.detach() for n, p in trainer.parameters.items()}
    tensors |= {f"average.{n}": a for n, a in trainer.average.items()}
    for name, parameter in trainer.parameters.items():
        for key, value in trainer.optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{key}.{name}"] = value
    state = {
        "step": trainer.step,
        "seconds": trainer.seconds,
        "commands": trainer.history,
        "identity": trainer.identity,
    }
    write_tensors(path, tensors, {"training": json.dumps(state)})


def make_folder(path: Path) -> None:
    """Create the folder of a training. UsageError where it cannot be created."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be created: {error.strerror}.") from None


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically. UsageError where it cannot be written."""
    try:
        write_bytes(path, save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, metadata))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def resume_from(trainer: Trainer[Any], path: Path) -> None:
    """Resume from a checkpoint. UsageError where it belongs to a training with other settings."""
    device = str(trainer.images.device)
    with reading(path, "a checkpoint of benchbox train"), safe_open(path, "pt", device=device) as file:
        saved = json.loads((file.metadata() or {})["training"])
        if different := differences(saved["identity"], trainer.identity):
            raise UsageError(
                f"{path} belongs to another training ({'; '.join(different)}): "
                "start from scratch with --no-resume, or use another --name."
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        adam: dict[str, dict[str, Any]] = {}
        for name in (name for name in tensors if name.startswith("adam.")):
            _, slot, parameter = name.split(".", 2)
            adam.setdefault(parameter, {})[slot] = tensors[name]
        with torch.no_grad():
            for name, parameter in trainer.parameters.items():
                parameter.copy_(tensors[f"network.{name}"])
                trainer.average[name].copy_(tensors[f"average.{name}"])
                trainer.optimizer.state[parameter] = adam.get(name, {})
        trainer.step, trainer.seconds = int(saved["step"]), float(saved["seconds"])
        trainer.history = [(int(step), str(command)) for step, command in saved["commands"]]


def differences(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """The settings that differ between two trainings, such as `prediction was edm, is eps`."""
    names = [name for name in {**saved, **current} if saved.get(name) != current.get(name)]
    return [f"{name} was {text(saved.get(name))}, is {text(current.get(name))}" for name in names]


def text(value: Any) -> str:
    return "none" if value is None else ":".join(map(str, value)) if isinstance(value, list) else str(value)
