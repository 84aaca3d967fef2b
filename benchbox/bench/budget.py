"""Budgets: what an NFE buys, in levels and in evaluations of the denoiser and of the networks below a guidance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchbox.bench.cell import Cell
from benchbox.driver import ADAPTIVE_LEVELS, least_nfe, pieces, plan_levels, planned_nfe
from benchbox.errors import UsageError, sentence
from benchbox.grid import Grid, Levels
from benchbox.guidance import Guidance, guided_levels
from benchbox.model import Model
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule


@dataclass(frozen=True)
class GuidedBudgets:
    """The arithmetic of budgets for one sampler under one guidance; nfe_of: what a budget counts, network or denoiser.

    A guidance may cost more at one level than at another: the sampler is walked once, without a network, to see at
    which levels it asks.
    """

    sampler: Sampler
    guidance: Guidance | None
    model: Model
    schedule: Schedule
    grid: Grid
    final: str
    nfe_of: str = "network"

    def cut(self, n_levels: int) -> Levels:
        """The levels of the run. UsageError where they cannot be cut."""
        return guided_levels(self.guidance, Levels.cut(self.schedule, self.grid, n_levels))

    def calls(self, n_levels: int) -> int:
        """The evaluations of the denoiser, guided or not, on n levels."""
        if self.guidance is None or not self.guidance.jumps:
            return planned_nfe(self.sampler, n_levels, self.final)
        runs = pieces(self.sampler, self.cut(n_levels))
        return sum(self.sampler.evals(len(levels.sigmas)) for levels in runs) + (self.final == "denoise")

    def network(self, n_levels: int) -> int:
        """The evaluations of all networks on n levels. UsageError where the levels cannot be cut."""
        calls = self.calls(n_levels)
        if self.guidance is None:
            return calls
        from benchbox.bench.visited import visited  # here: only this needs torch

        levels = self.cut(n_levels)
        asked = visited(self.sampler, self.model, levels, self.final)
        if len(asked) != calls:  # it claims something else, which the run will show
            return calls * max(map(self.guidance.cost, levels.sigmas))
        return sum(map(self.guidance.cost, asked))

    def cost(self, n_levels: int) -> int:
        """What n levels take of the budget."""
        return self.network(n_levels) if self.nfe_of == "network" else self.calls(n_levels)

    def least(self) -> int:
        """The least budget that buys a run."""
        return least_nfe(self.sampler, self.final) if self.guidance is None else self.cost(1) or 1

    def levels(self, nfe: int) -> int:
        """The number of levels that a budget buys; 0 where it buys nothing."""
        if self.guidance is None:
            return plan_levels(self.sampler, nfe, self.final)
        if self.cost(1) > nfe:
            return 0
        low, high = 1, max(plan_levels(self.sampler, nfe, self.final), 1) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(middle, nfe) else (low, middle)
        return low

    def _fits(self, n_levels: int, nfe: int) -> bool:
        """Whether n levels can be cut and cost no more than nfe."""
        try:
            return self.cost(n_levels) <= nfe
        except UsageError:
            return False


def at_each_budget(cell: Cell, budgets: Sequence[int]) -> Iterator[Cell]:
    """The cell at each budget; a single cell for an adaptive sampler, which has none."""
    if cell.adaptive:
        yield at_budget(cell, None)
        return
    if cell.sampler.evals(100) <= cell.sampler.evals(1):
        raise UsageError(f"sampler {cell.sampler.name} claims that an interval costs no evaluations.")
    if not budgets:
        raise UsageError(f"sampler {cell.sampler.name} needs a budget: give --nfe, such as --nfe 18,35,50.")
    for nfe in budgets:
        yield at_budget(cell, nfe)


def at_budget(cell: Cell, nfe: int | None) -> Cell:
    """The cell with the levels that its budget buys (None: an adaptive sampler), or the reason why it is skipped.

    UsageError for levels that are not valid.
    """
    cell = replace(cell, n_levels=ADAPTIVE_LEVELS) if nfe is None else with_budget(cell, nfe)
    if cell.skip is None:
        try:
            _ = cell.levels  # cut here, and kept
            cell.grid.check(cell.n_levels)
        except UsageError:
            raise
        except Exception as error:  # in the grid of a plugin package: the other cells can still run
            return replace(cell, skip=f"grid {cell.grid.name} gives no {cell.n_levels} levels: {sentence(error)}")
    return cell


def with_budget(cell: Cell, nfe: int) -> Cell:
    """The cell with as many levels as its budget allows, or with the reason why it is skipped."""
    sampler = cell.sampler
    budgets = GuidedBudgets(sampler, cell.guidance, cell.model, cell.schedule, cell.grid, cell.final, cell.nfe_of)
    n = budgets.levels(nfe)
    if n == 0:
        reason = f"an NFE of {nfe} is too small: the smallest is {budgets.least()}"
        return replace(cell, nfe_requested=nfe, n_levels=0, skip=reason)
    calls, network, spent = budgets.calls(n), budgets.network(n), budgets.cost(n)
    if spent != nfe and cell.nfe_policy == "exact":
        above = budgets.cost(n + 1)
        raise UsageError(
            f"sampler {sampler.name} cannot spend exactly {nfe} evaluations: it spends {spent} or {above} "
            "(--nfe-policy floor runs the former)."
        )
    if spent != nfe and cell.nfe_policy == "skip":
        reason = f"an NFE of {nfe} cannot be met exactly: {spent} would be spent"
        return replace(cell, nfe_requested=nfe, n_levels=n, skip=reason)
    return replace(cell, nfe_requested=nfe, n_levels=n, nfe_planned=network, calls_planned=calls)
