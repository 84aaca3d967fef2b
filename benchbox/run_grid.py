"""Grids that depend on more of a run than its schedule, as tuned levels do."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from benchbox.grid import Grid

if TYPE_CHECKING:
    from benchbox.guidance import Guidance
    from benchbox.model import Model
    from benchbox.sampler import Sampler
    from benchbox.schedule import Schedule


class RunGrid(Grid):
    """A grid that a run completes."""

    @abstractmethod
    def for_run(self, sampler: Sampler, model: Model, schedule: Schedule, guidance: Guidance | None) -> Grid:
        """The grid as a run with these uses it."""


def completed_grid(grid: Grid, sampler: Sampler, model: Model, schedule: Schedule, guidance: Guidance | None) -> Grid:
    """The grid as a run uses it: itself, unless it depends on more than the schedule."""
    return grid.for_run(sampler, model, schedule, guidance) if isinstance(grid, RunGrid) else grid
