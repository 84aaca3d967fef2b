"""The levels in a file that `benchbox tune` wrote."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.grid import stretched
from benchbox.schedule import Schedule
from benchbox.tuned import RunGrid, TunedFile, described, described_model, read_tuned, sampler_label

if TYPE_CHECKING:
    from benchbox.guidance import Guidance
    from benchbox.model import Model
    from benchbox.sampler import Sampler


@dataclass(frozen=True)
class FileGrid(RunGrid):
    """The levels in a file that `benchbox tune` wrote, FILE in `--grid file:FILE`.

    Each sampler gets those that were tuned for it at its budget, by GITS (Chen et al. 2024, arXiv:2405.11326), OSS (Pei
    et al. 2025, arXiv:2503.21774), DMN (Xue et al. 2024, arXiv:2402.17376) or a search. For another sampler, model,
    schedule or guidance they are used with a warning, as are those of the nearest budget for another one, interpolated
    in ln σ. sampler, evaluations: for which sampler of the file, and what its tuning cost; a run fills them in.
    """

    name = "file"
    path: Path = field(kw_only=True)
    sampler: str | None = field(default=None, kw_only=True)
    evaluations: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.sigma_min is not None or self.sigma_max is not None:
            raise ValueError("the levels of a file have their own range: leave out sigma_min and sigma_max.")

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        tuned = read_tuned(self.path)
        choices = tuned.of(self.sampler or tuned.levels[0].label)
        if not choices:
            labels = ", ".join(dict.fromkeys(levels.label for levels in tuned.levels))
            raise UsageError(f"{self.path} holds no levels for sampler {self.sampler!r}: it has {labels}.")
        nearest = min(choices, key=lambda levels: abs(len(levels.sigmas) - n_levels))
        return np.asarray(schedule.time(stretched(nearest.sigmas, n_levels)))

    def check(self, n_levels: int) -> None:
        choices = read_tuned(self.path).of(self.sampler or "")
        if choices and not any(len(levels.sigmas) == n_levels for levels in choices):
            budgets = ", ".join(str(levels.nfe) for levels in choices)
            warnings.warn(
                f"{self.path} has no {n_levels} levels for {self.sampler}, but those tuned for {budgets} evaluations: "
                "the nearest are interpolated.",
                stacklevel=2,
            )

    def for_run(self, sampler: Sampler, model: Model, schedule: Schedule, guidance: Guidance | None) -> FileGrid:
        tuned = read_tuned(self.path)
        labels = list(dict.fromkeys(levels.label for levels in tuned.levels))
        own = sampler_label(sampler)
        of_sampler = [label for label in labels if label.partition(" ")[0] == sampler.name]
        label = self.sampler or (own if own in labels else [*of_sampler, *labels][0])
        if others := list(other_settings(tuned, label, own, model, schedule, guidance)):
            warnings.warn(f"the levels of {self.path} were tuned for {', '.join(others)}.", stacklevel=2)
        return replace(self, sampler=label, evaluations=sum(levels.evaluations for levels in tuned.of(label)))


def other_settings(
    tuned: TunedFile, label: str, own: str, model: Model, schedule: Schedule, guidance: Guidance | None
) -> Iterator[str]:
    """What the levels were tuned for, as far as a run has something else."""
    if label != own:
        yield f"sampler {label}, not {own}"
    if tuned.model != described_model(model):
        same = tuned.model["name"] == model.title
        yield (
            f"other options or weights of model {model.title}"
            if same
            else (f"model {tuned.model['name']}, not {model.title}")
        )
    if tuned.schedule != described(schedule):
        same = tuned.schedule["name"] == schedule.name
        yield (
            f"other options of schedule {schedule.name}"
            if same
            else (f"schedule {tuned.schedule['name']}, not {schedule.name}")
        )
    if tuned.guidance != (described(guidance) if guidance else None):
        yield f"{guidance_setting(tuned.guidance)}, not {guidance_setting(described(guidance) if guidance else None)}"


def guidance_setting(guidance: dict[str, object] | None) -> str:
    if guidance is None:
        return "no guidance"
    options = guidance["options"]
    scale = options.get("scale") if isinstance(options, dict) else None
    return f"guidance {guidance['name']}" + (f" at scale {scale:g}" if isinstance(scale, float) else "")
