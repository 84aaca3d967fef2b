"""The training of consistency models, from their schedulers' configurations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox_diffusers.flows import TOP

if TYPE_CHECKING:
    from benchbox import Grid, Schedule
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


@dataclass(frozen=True)
class TrigFlowTraining:
    """The configuration of an SCMScheduler, of a flow distilled in TrigFlow (Chen et al. 2025, arXiv:2503.09641, §2).

    With tan t = σ and y = cos t x_0 + sin t n, up to σ_data, the network is that of a flow at s = σ/(1 + σ): its input
    and its output are converted so that the jump is y_s − s v, the end of a flow's velocity v. ValueError for another
    scheduler.
    """

    folder: Path
    config: dict[str, Any]
    exploding = False
    jumps = True

    def __post_init__(self) -> None:
        if (name := self.config.get("_class_name")) != "SCMScheduler":
            raise ValueError(f"{self.folder} has a {name}, and a network distilled in TrigFlow has an SCMScheduler.")

    @property
    def grid(self) -> Grid:
        from benchbox import get

        return get("grid", "diffusers:SCMScheduler")

    def prediction(self) -> Prediction:
        return "flow"

    def schedule(self) -> Schedule:
        from benchbox import get

        return get("schedule", "flow", sigma_max=TOP)
