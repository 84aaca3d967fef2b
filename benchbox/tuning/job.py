"""A run of `benchbox tune`: what is left to do, and the file that it writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchbox.atomic import output as writing
from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.bench.sweep import expand
from benchbox.errors import UsageError
from benchbox.tuned import TunedFile, TunedLevels, described, described_model, read_tuned, sampler_label
from benchbox.tuning.fine import EvaluationsTick
from benchbox.tuning.journal import Journal
from benchbox.tuning.tuner import SEARCH_CALLS, Outcome, Tuner


class TuningJob:
    """The cells of a request whose levels are not in the file yet. UsageError for a request that cannot be tuned.

    A file grows: levels of other samplers and budgets in it stay, if it is of the same model, schedule and guidance.
    """

    def __init__(
        self, request: Request, method: str, output: Path, samples: int | None = None, evaluations: int | None = None,
        command: str = "", force: bool = False,
    ) -> None:  # fmt: skip
        all_cells = expand(request)
        self.method, self.output, self.request = method, output, request
        self.file = self._file(one_problem(all_cells))
        self.cells = [cell for cell in all_cells if force or not self._has(cell, samples)]
        self.kept = len(all_cells) - len(self.cells)
        self.journal = Journal(output.with_name(f".{output.name}.journal"))
        self.tuner = Tuner(self.cells, method, samples, SEARCH_CALLS, command, journal=self.journal)
        if evaluations is not None and self.cells:
            largest = max(cell.nfe_requested or 1 for cell in self.cells)
            self.tuner.calls = evaluations // (self.tuner.n * largest)
        self.written = 0

    def _file(self, cell: Cell) -> TunedFile:
        """The file as it is, or an empty one."""
        guidance = described(cell.guidance) if cell.guidance else None
        empty = TunedFile(described_model(cell.model), described(cell.schedule), guidance)
        if not self.output.exists():
            if not self.output.absolute().parent.is_dir():
                raise UsageError(f"{self.output} cannot be written: there is no folder {self.output.parent}.")
            return empty
        file = read_tuned(self.output)
        if replace(file, levels=()) != empty:
            raise UsageError(
                f"{self.output} holds levels for {words(file)}, and these are for {words(empty)}: use another file."
            )
        return file

    def _has(self, cell: Cell, samples: int | None) -> bool:
        """Whether the file has the cell's levels, made by the same method from the same seed."""
        return any(
            levels.nfe == cell.nfe_requested and levels.method == self.method and levels.seed == cell.seed
            and samples in (None, levels.samples)
            for levels in self.file.of(sampler_label(cell.sampler))
        )  # fmt: skip

    @property
    def planned(self) -> int:
        """The most evaluations that it takes."""
        tuner = self.tuner
        return tuner.solution.cost + tuner.planned_check + sum(tuner.planned(cell) for cell in self.cells)

    @property
    def spent(self) -> int:
        return self.tuner.solution.denoise.evaluations + self.spent_check

    @property
    def spent_check(self) -> int:
        return self.tuner.check.denoise.evaluations

    def run(self, tick: EvaluationsTick) -> Iterator[Outcome]:
        """The outcomes; each is in the file before it is yielded, if it is better."""
        self.tuner.tick = tick
        try:
            for outcome in self.tuner:
                if outcome.better:
                    self.write(outcome.tuned)
                yield outcome
        except BaseException:
            self.journal.save()
            raise
        self.journal.remove()

    def write(self, tuned: TunedLevels) -> None:
        """Add the levels to the file, in place of those for the same sampler and budget."""
        others = [levels for levels in self.file.levels if (levels.label, levels.nfe) != (tuned.label, tuned.nfe)]
        ordered = sorted([*others, tuned], key=lambda levels: (levels.label, levels.nfe))
        self.file = replace(self.file, levels=tuple(ordered))
        with writing(self.output) as file:
            file.write(self.file.text().encode())
        self.written += 1


def one_problem(cells: list[Cell]) -> Cell:
    """One of the cells. UsageError where they have not all the same model, schedule and guidance."""
    if len({(cell.model, cell.schedule, cell.guidance) for cell in cells}) > 1:
        raise UsageError(
            "a file of tuned levels is for one model, schedule and guidance, and this is for several: tune each in a "
            "command and a file of its own."
        )
    return cells[0]


def words(file: TunedFile) -> str:
    guidance = f" with guidance {file.guidance['name']} {file.guidance['options']}" if file.guidance else ""
    return f"model {file.model['name']} on schedule {file.schedule['name']}{guidance}"
