"""Tables and lines of `benchbox tune`, and of `benchbox info` for a file of tuned levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from benchbox.report.table import number

if TYPE_CHECKING:
    from benchbox.tuned import TunedFile, TunedLevels
    from benchbox.tuning.job import TuningJob
    from benchbox.tuning.tuner import Outcome


def tune_plan_table(job: TuningJob) -> Table:
    """What will be tuned, and the most evaluations that each part takes."""
    from benchbox.tuned import sampler_label

    tuner = job.tuner
    table = Table("to do", "NFE", "levels", "evaluations, at most")
    table.add_row(f"solution on {len(tuner.solution.levels.sigmas)} levels", "", "", f"{tuner.solution.cost:,}")
    for cell in job.cells:
        planned = f"{tuner.planned(cell):,}"
        table.add_row(
            f"{job.method}: {sampler_label(cell.sampler)}", str(cell.nfe_requested), str(cell.n_levels), planned
        )
    table.add_row("check on held-out samples", "", "", f"{tuner.planned_check:,}")
    table.add_row("all", "", "", f"{job.planned:,}", style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def outcome_line(outcome: Outcome) -> Text:
    """One sampler and budget: the errors on held-out samples, and whether the levels were written."""
    tuned, ratio = outcome.tuned, outcome.held_out.ratio
    times = f"{number(ratio.value, 3)} ({number(ratio.low, 3)} to {number(ratio.high, 3)})"
    line = f"{tuned.label}, NFE {tuned.nfe}: {errors_text(tuned.held_out)}; tuned/untuned {times}"
    return Text(line) if outcome.better else Text(f"{line}: not better on held-out samples, not written", style="red")


def errors_text(held_out: dict[str, Any]) -> str:
    errors = held_out["errors"]
    texts = [
        f"tuned {number(errors['tuned']['value'], 4)}",
        f"{held_out['grid']['name']} {number(errors['untuned']['value'], 4)}",
    ]
    return "error " + ", ".join([*texts, f"recommended grid {number(errors['recommended']['value'], 4)}"])


def tuned_title(file: TunedFile) -> Text:
    """The model, the schedule and the guidance that the levels of a file are for."""
    model, guidance = file.model, file.guidance
    weights = f" (weights {model['sha256'][:12]})" if model["sha256"] else ""
    guided = f", guidance {guidance['name']} {guidance['options']}" if guidance else ""
    return Text(f"levels tuned for model {model['name']}{weights}, schedule {file.schedule['name']}{guided}")


def tuned_table(file: TunedFile) -> Table:
    """The levels in a file, and what they are worth."""
    table = Table("sampler", "NFE", "levels σ", "method", "evaluations", "error", "95 %", "untuned", "95 %", "ratio")
    for levels in file.levels:
        table.add_row(*map(Text, tuned_cells(levels)))
    return table


def tuned_cells(levels: TunedLevels) -> list[str]:
    errors, ratio = levels.held_out["errors"], levels.held_out["ratio"]
    tuned, untuned = errors["tuned"], errors["untuned"]
    return [
        levels.label, str(levels.nfe), " ".join(f"{sigma:.4g}" for sigma in levels.sigmas), levels.method,
        f"{levels.evaluations:,}", number(tuned["value"], 4), gap_text(tuned),
        f"{levels.held_out['grid']['name']} {number(untuned['value'], 4)}", gap_text(untuned),
        number(ratio["value"], 3),
    ]  # fmt: skip


def gap_text(interval: dict[str, float]) -> str:
    return f"{number(interval['low'], 3)} to {number(interval['high'], 3)}"
