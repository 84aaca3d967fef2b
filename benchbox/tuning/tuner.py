"""Tuned levels for the cells of a request: candidates from a method, chosen on some samples and checked on others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from benchbox.bench.cell import Cell
from benchbox.grid import Grid, Levels
from benchbox.registry import registry
from benchbox.tuned import TunedLevels, described, described_sampler
from benchbox.tuning.dmn import dmn_levels
from benchbox.tuning.dp import GAMMAS, CostMatrix, cheapest_paths, cost_matrix
from benchbox.tuning.fine import EvaluationsTick, FineSolution
from benchbox.tuning.held_out import HeldOut, compared
from benchbox.tuning.journal import Journal
from benchbox.tuning.same_noise import SameNoise, sigmas_of
from benchbox.tuning.search import searched_levels
from benchbox.tuning.solver_aware import AWARE_SAMPLES, EVERY, solver_aware_levels
from benchbox.tuning.tunable import check_cell, steps_singly

SAMPLES_OF_NETWORK, SAMPLES_OF_FORMULA = 64, 512
"""Samples that levels are chosen on, and as many others that they are checked on."""

SCREENED = 16
"""Samples on which the named grids are compared."""

START_NODES = range(6, 30, 4)
"""Nodes at which a run may start, besides the first: of a schedule from σ = 80 to 0.002, σ = 45 to 4.5."""

SEARCH_CALLS = 300
"""Runs of the sampler in a search by default."""

Sigmas = Sequence[float]


@dataclass(frozen=True)
class Outcome:
    """What came of one sampler and budget: `tuned`, if it is `better` than the best named grid beyond doubt."""

    cell: Cell
    tuned: TunedLevels
    held_out: HeldOut

    @property
    def better(self) -> bool:
        return self.held_out.ratio_high < 1


@dataclass
class Tuner:
    """Tunes levels for cells that have their model, schedule, guidance and seed in common.

    samples: how many to choose on, and to check on (None: 64 of a network, 512 of a formula). calls: runs of the
    sampler in a search. Checks are made with the samples of the seed above the cells'.
    """

    cells: Sequence[Cell]
    method: str = "dp"
    samples: int | None = None
    calls: int = SEARCH_CALLS
    command: str = ""
    tick: EvaluationsTick = lambda n: None
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        for cell in self.cells:
            check_cell(cell, self.method)

    @cached_property
    def is_formula(self) -> bool:
        return self.cells[0].model.denoiser(torch.device(self.cells[0].device)) is not None

    @cached_property
    def n(self) -> int:
        return self.samples or (SAMPLES_OF_FORMULA if self.is_formula else SAMPLES_OF_NETWORK)

    @cached_property
    def solution(self) -> FineSolution:
        """For the samples that levels are chosen on."""
        return FineSolution(self.cells[0], 0, self.n, self.tick)

    @cached_property
    def check(self) -> FineSolution:
        """For the held-out samples."""
        return FineSolution(replace(self.cells[0], seed=self.cells[0].seed + 1), 0, self.n, self.tick)

    @cached_property
    def costs(self) -> CostMatrix:
        return cost_matrix(self.solution.nodes, *self.solution.trajectories)

    def planned(self, cell: Cell) -> int:
        """The most evaluations that the method spends on a cell, besides the fine solution."""
        nfe = cell.nfe_requested or 0
        screening = len(self.named(cell)) * self.n_screened * nfe
        dp = (len(GAMMAS) + 1 + 2 * len(START_NODES)) * self.n_compared * nfe + self.planned_solver_aware(cell)
        return screening + {"dmn": 0, "dp": dp, "search": dp + self.calls * self.n * nfe}[self.method]

    def planned_solver_aware(self, cell: Cell) -> int:
        nodes = len(self.solution.nodes[::EVERY])
        is_first = cell is next(c for c in self.cells if c.sampler == cell.sampler)
        largest = max(c.n_levels for c in self.cells if c.sampler == cell.sampler)
        networks = (cell.nfe_planned or 1) / max(cell.calls_planned or 1, 1)  # in one evaluation
        return int(min(AWARE_SAMPLES, self.n) * nodes * largest * networks) if is_first and steps_singly(cell) else 0

    @property
    def planned_check(self) -> int:
        """For the held-out samples: their fine solution, and three grids for each cell."""
        return self.check.cost + sum(3 * self.n * (cell.nfe_requested or 0) for cell in self.cells)

    @property
    def n_compared(self) -> int:
        """Samples on which the candidates of dynamic programming are compared: of a formula all."""
        return self.n if self.is_formula else max(self.n // 2, self.n_screened)

    @property
    def n_screened(self) -> int:
        """Samples on which the named grids are compared."""
        return self.n if self.is_formula else min(self.n, SCREENED)

    def __iter__(self) -> Iterator[Outcome]:
        """The outcome of each cell, as soon as it is known."""
        for cell in self.cells:
            before = self.solution.denoise.evaluations if "solution" in self.__dict__ else 0
            problem = SameNoise(cell, self.solution)
            grids = self.named(cell)
            named = min(grids, key=lambda grid: problem.error(sigmas_of(grid, cell), self.n_screened))
            sigmas = self.levels(cell, problem, sigmas_of(named, cell))
            spent = self.solution.denoise.evaluations - before
            held_out = compared(SameNoise(cell, self.check), sigmas, {"untuned": named, "recommended": cell.grid})
            tuned = TunedLevels(
                described_sampler(cell.sampler), cell.nfe_requested or 0, tuple(sigmas), self.method, spent, cell.seed,
                self.n, held_out.as_dict() | {"grid": described(named)}, self.command,
            )  # fmt: skip
            yield Outcome(cell, tuned, held_out)

    def named(self, cell: Cell) -> list[Grid]:
        """The registered grids that give the cell's levels on its schedule, each with its default options."""
        grids = [cell.grid]
        for name in registry().names("grid"):
            with suppress(Exception):  # it needs an option, or does not give so many levels on this schedule
                grid = registry().get("grid", name)
                Levels.cut(cell.schedule, grid, cell.n_levels)
                grids.append(grid)
        return grids

    def levels(self, cell: Cell, problem: SameNoise, named: Sigmas) -> Sigmas:
        """The levels of the method."""
        nodes = self.solution.nodes
        if self.method == "dmn":
            return dmn_levels(cell.sampler, cell.schedule, cell.n_levels, (nodes[0], nodes[-1]), cell.model.latent)
        best = self.dynamic_programming(cell, problem)
        if self.method == "dp":
            return best
        error = self.journal.remembered(f"{cell.id} {self.n}", problem.error)
        return searched_levels(error, [best, named], (nodes[0], nodes[-1]), self.calls)

    def dynamic_programming(self, cell: Cell, problem: SameNoise) -> Sigmas:
        """The best levels from the first node, by GITS for each weight and by OSS; then from later ones.

        A later start saves an evaluation where trajectories are straight. Its own error there cannot be weighed against
        those of the steps, because it shrinks on the way: so each is tried.
        """

        errors: dict[tuple[float, ...], float] = {}

        def error(sigmas: Sigmas) -> float:
            if (key := tuple(sigmas)) not in errors:
                errors[key] = problem.error(sigmas, self.n_compared)
            return errors[key]

        gamma = min(GAMMAS, key=lambda gamma: error(self.gits(cell, gamma)))
        candidates = [self.gits(cell, gamma)]
        if steps_singly(cell):
            candidates.append(self.solver_aware(cell, problem))
        best = min(candidates, key=error)
        later = [self.gits(cell, gamma, start) for start in START_NODES]
        later += [[sigma, *best[1:]] for sigma in (self.solution.nodes[i] for i in START_NODES) if sigma > best[1]]
        return min([best, *later], key=error)

    def gits(self, cell: Cell, gamma: float, start: int = 0) -> Sigmas:
        """The levels of least cost from a node on."""
        path = cheapest_paths(self.costs[start:, start:], cell.n_levels, gamma)[-1]
        return [self.solution.nodes[start + i] for i in path[:-1]]

    def solver_aware(self, cell: Cell, problem: SameNoise) -> Sigmas:
        """OSS finds the levels for all budgets of a sampler at once."""
        if cell.sampler not in self._solver_aware:
            largest = max(c.n_levels for c in self.cells if c.sampler == cell.sampler)
            self._solver_aware[cell.sampler] = solver_aware_levels(problem, largest)
        return self._solver_aware[cell.sampler][cell.n_levels - 1]

    @cached_property
    def _solver_aware(self) -> dict[object, list[list[float]]]:
        return {}
