"""The training of a consistency model, from its scheduler's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbox import Schedule
    from benchbox.model import Prediction

DEFAULTS = {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5}
"""Of CMStochasticIterativeScheduler, and of the paper (Song et al. 2023, arXiv:2303.01469, app. C)."""


@dataclass(frozen=True)
class ConsistencyTraining:
    """The configuration of a CMStochasticIterativeScheduler. ValueError for another one."""

    folder: Path
    config: dict[str, Any]
    exploding = False
    jumps = True
    grid = "karras-open"

    def __post_init__(self) -> None:
        name = self.config.get("_class_name")
        if name != "CMStochasticIterativeScheduler":
            raise ValueError(
                f"{self.folder} has a {name}, and a consistency model has a CMStochasticIterativeScheduler."
            )

    @property
    def values(self) -> dict[str, Any]:
        return DEFAULTS | {name: self.config[name] for name in DEFAULTS if name in self.config}

    def prediction(self) -> Prediction:
        return "edm"

    def schedule(self) -> Schedule:
        from benchbox import get

        return get("schedule", "edm", sigma_min=self.values["sigma_min"], sigma_max=self.values["sigma_max"])
