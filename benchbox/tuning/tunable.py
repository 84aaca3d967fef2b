"""Which cells have levels to tune, and by which method."""

from __future__ import annotations

from benchbox.bench.cell import Cell
from benchbox.bench.visited import visited
from benchbox.errors import UsageError


def asked_levels(cell: Cell) -> tuple[float, ...]:
    """The levels at which a run evaluates the denoiser."""
    return visited(cell.sampler, cell.model, cell.levels, cell.final)


def steps_singly(cell: Cell) -> bool:
    """Whether the sampler evaluates once at each of its levels."""
    return asked_levels(cell) == cell.levels.sigmas


def check_cell(cell: Cell, method: str) -> None:
    """UsageError for a cell whose levels cannot be tuned by the method."""
    name = cell.sampler.name
    if cell.adaptive:
        raise UsageError(f"sampler {name} is adaptive: it chooses its own levels, so there are none to tune.")
    if cell.skip:
        raise UsageError(f"sampler {name}: {cell.skip}.")
    if cell.n_levels < 2:
        raise UsageError(
            f"sampler {name} has one level with an NFE of {cell.nfe_requested}, the noisiest: there is none to tune."
        )
    asked = asked_levels(cell)
    if method != "search" and set(asked) - set(cell.levels.sigmas):
        raise UsageError(
            f"sampler {name} also evaluates between its levels, which --method {method} does not support: use "
            "--method search."
        )
    if method == "dmn" and asked != cell.levels.sigmas:
        raise UsageError(
            f"sampler {name} does not evaluate once at each of its levels, as --method dmn needs: use dp or search."
        )
