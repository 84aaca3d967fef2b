"""benchbox train --distill: make a model that jumps of one that denoises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchbox.cli.common import command_line, console, progress_bar
from benchbox.errors import UsageError

DISTILL_OPTIONS = {
    "output", "distill", "name", "steps", "batch_size", "lr", "clip", "ema", "seed", "device", "precision", "resume",
}  # fmt: skip
"""The options of train that go with --distill; the network, its prediction and its data are those of the teacher."""


def distill_command(teacher: str, given: dict[str, Any]) -> None:
    """Distill a model. UsageError for options that do not go with it."""
    from benchbox.bench.hardware import usable
    from benchbox.training.distilled import DistillationConfig, distill_model

    if other := sorted(given.keys() - DISTILL_OPTIONS):
        raise UsageError(
            f"{', '.join(other)} does not go with --distill: images, network and prediction are those of the teacher."
        )
    options: dict[str, Any] = {
        "name": f"{Path(teacher).stem}-distilled",
        "output": Path("models"),
        "device": "auto",
    } | given
    options["device"] = usable(options["device"])
    del options["distill"]
    config = DistillationConfig(teacher, **options, command=command_line())
    with progress_bar("loss {task.fields[loss]:.4f}") as bar:
        task = bar.add_task(config.name, total=config.steps, loss=float("nan"))
        card = distill_model(config, lambda step, loss: bar.update(task, completed=step, loss=loss))
    console.print(f"wrote {card}")
