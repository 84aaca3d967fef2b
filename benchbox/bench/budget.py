"""Budgets: the number of levels on which a cell spends its NFE, or the reason why it is skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchbox.bench.cell import Cell
from benchbox.driver import ADAPTIVE_LEVELS, least_nfe, plan_levels
from benchbox.errors import UsageError, sentence


def at_each_budget(cell: Cell, budgets: Sequence[int]) -> Iterator[Cell]:
    """The cell at each budget; a single cell for an adaptive sampler, which has none."""
    if cell.sampler.evals_per_step is None:
        yield with_levels(replace(cell, nfe_requested=None, n_levels=ADAPTIVE_LEVELS))
        return
    if cell.sampler.evals(100) <= cell.sampler.evals(1):
        raise UsageError(f"sampler {cell.sampler.name} claims that an interval costs no evaluations.")
    if not budgets:
        raise UsageError(f"sampler {cell.sampler.name} needs a budget: give --nfe, such as --nfe 18,35,50.")
    for nfe in budgets:
        yield with_levels(with_budget(cell, nfe))


def with_budget(cell: Cell, nfe: int) -> Cell:
    """The cell with as many levels as its budget allows, or with the reason why it is skipped."""
    sampler, budgets, of_network = cell.sampler, cell.budgets, cell.nfe_of == "network"
    n = budgets.levels(nfe) if of_network else plan_levels(sampler, nfe, cell.final)
    if n == 0:
        least = budgets.least() if of_network else least_nfe(sampler, cell.final)
        reason = f"an NFE of {nfe} is too small: the smallest is {least}"
        return replace(cell, nfe_requested=nfe, n_levels=0, skip=reason)
    cost = budgets.network if of_network else budgets.calls
    spent, skip = cost(n), None
    if spent != nfe and cell.nfe_policy == "exact":
        above = cost(n + 1)
        raise UsageError(
            f"sampler {sampler.name} cannot spend exactly {nfe} evaluations: it spends {spent} or {above} "
            "(--nfe-policy floor runs the former)."
        )
    if spent != nfe and cell.nfe_policy == "skip":
        skip = f"an NFE of {nfe} cannot be met exactly: {spent} would be spent"
    return replace(cell, nfe_requested=nfe, n_levels=n, skip=skip)


def with_levels(cell: Cell) -> Cell:
    """The cell, with the reason why it is skipped where its grid fails. UsageError for levels that are not valid."""
    if cell.skip is None:
        try:
            cell.levels  # noqa: B018 (cut once, and kept)
        except UsageError:
            raise
        except Exception as error:  # in the grid of a plugin package: the other cells can still run
            return replace(cell, skip=f"grid {cell.grid.name} gives no {cell.n_levels} levels: {sentence(error)}")
    return cell
