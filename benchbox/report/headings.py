"""Boards, tasks and setups in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from benchbox.report.board import Board, BoardTask
from benchbox.report.distinctions import distinctions, reference_words
from benchbox.report.entry import Setup
from benchbox.report.prepared import RANKED
from benchbox.report.table import Defaults, changed_options, label

EXTRA = ("dtype", "weights_dtype", "memory_format", "compile", "final")
"""Part of a setup's name where they differ within a board."""

METRIC_NAMES = {
    "fid": "FID", "kid": "KID", "isc": "inception score", "f_score": "F score", "w2": "W2", "sw2": "sliced W2",
    "mmd": "MMD", "energy": "energy distance", "mode_recall": "recall of modes", "ode_error": "ODE error",
    "sw1": "sliced W1", "psnr": "PSNR", "ssim": "SSIM", "lpips": "LPIPS", "crps": "CRPS",
    "teacher_error": "distance to the teacher", "teacher_error_decoded": "distance to the teacher, decoded",
    "clip_score": "CLIP score",
}  # fmt: skip
"""Metrics, as headings spell them."""


def board_title(board: Board, defaults: Defaults, budgets: bool = True) -> str:
    """What a board compares: model, guidance, budget, metric, features, samples, data set, levels.

    budgets: False leaves the budget out, unless every budget has another target.
    """
    task = board.task
    budget = [budget_words(board)] if budgets or not board.has_limit else _unit(task)
    subject = ", ".join([_guided_model(task, defaults) or "no model", *budget])
    metric = _with_settings(task.metric, task, defaults)
    return f"{subject}: {metric} of {task.n_samples:,} samples {board_terms(board, defaults)}"


def budget_words(board: Board) -> str:
    if board.levels == "unknown":
        return "samples from elsewhere"
    unit = " of the denoiser" if board.task.nfe_of == "denoiser" else ""
    return "adaptive" if board.budget is None else f"NFE {board.budget}{unit}"


def metric_heading(task: BoardTask, defaults: Defaults) -> str:
    """The metric of a task as a heading, with its feature extractor and its non-default options."""
    return _with_settings(METRIC_NAMES.get(task.metric, task.metric), task, defaults)


def _with_settings(metric: str, task: BoardTask, defaults: Defaults) -> str:
    options = changed_options(json.loads(task.setting), "metric", RANKED[task.metric].metric, defaults)
    settings = ", ".join(filter(None, (task.features, options)))
    return f"{metric} ({settings})" if settings else metric


def task_heading(task: BoardTask, defaults: Defaults, first: str = "") -> str:
    """Model, guidance, unit of the budgets where it is the denoiser, metric and number of samples; what comes first."""
    subject = ", ".join([_guided_model(task, defaults), *_unit(task)])
    metric = f"{metric_heading(task, defaults)} of {task.n_samples:,} samples"
    return f"{first}: {subject}, {metric}" if first else f"{subject}: {metric}"


def series_headings(boards: Sequence[Board], defaults: Defaults) -> list[str]:
    """The heading of each series, given by its first board.

    Where several are of one task, the levels come first; then the budget, where every budget has another target.
    """
    targets = [(task_heading(b.task, defaults), "" if b.has_limit else budget_words(b)) for b in boards]
    counts = Counter(targets)
    same = [board.setups[0] for board in boards if board.levels == "same"]
    kinds = ("schedule", "grid") if len({part_name(s, "schedule", defaults) for s in same}) > 1 else ("grid",)

    def heading(board: Board, target: tuple[str, str]) -> str:
        parts = ", ".join(part_name(board.setups[0], kind, defaults) for kind in kinds)
        levels = f"All on {parts}" if board.levels == "same" else "Each at its recommended levels"
        first = [levels if counts[target] > 1 else "", target[1]]
        return task_heading(board.task, defaults, ", ".join(filter(None, first)))

    headings = [heading(*pair) for pair in zip(boards, targets, strict=True)]
    titles = [(h, board_terms(board, defaults)) for h, board in zip(headings, boards, strict=True)]
    apart = distinctions(titles, [board.task for board in boards])
    return [", ".join([h, *words]) for h, words in zip(headings, apart, strict=True)]


def _unit(task: BoardTask) -> list[str]:
    """What the budgets count, where it is not the network."""
    return ["budgets of the denoiser"] if task.nfe_of == "denoiser" else []


def model_name(task: BoardTask, defaults: Defaults) -> str:
    return label({"model": task.model, "model_options": task.model_options}, "model", defaults)


def _guided_model(task: BoardTask, defaults: Defaults) -> str:
    return ", ".join(filter(None, (model_name(task, defaults), *_target(task, defaults))))


def _target(task: BoardTask, defaults: Defaults) -> tuple[str, ...]:
    """What the samples are of, besides the model: its guidance, or an inverse problem and its measurements."""
    many = f"{task.measurements} measurements" if task.measurements not in ("", "1") else ""
    return label(vars(task), "guidance", defaults), label(vars(task), "problem", defaults), many


def board_terms(board: Board, defaults: Defaults) -> str:
    """The terms of a comparison: the reference and the levels."""
    setup, against = board.setups[0], f"against {reference_words(board.task)}"
    if board.levels == "unknown":
        return against
    if board.levels == "recommended":
        return f"{against}, each sampler with its recommended schedule and grid"
    return f"{against}, {levels_words(setup, defaults)}"


def levels_words(setup: Setup, defaults: Defaults) -> str:
    return f"schedule {part_name(setup, 'schedule', defaults)}, grid {part_name(setup, 'grid', defaults)}"


def part_name(setup: Setup, kind: str, defaults: Defaults) -> str:
    """The sampler, schedule or grid of a setup, with its non-default options."""
    return label(vars(setup), kind, defaults)


def full_name(setup: Setup, all_setups: Sequence[Setup], defaults: Defaults) -> str:
    """The sampler of a setup, and whatever else distinguishes it from the other setups of a board."""
    extra = [f"{e} {getattr(setup, e) or 'none'}" for e in EXTRA if len({getattr(s, e) for s in all_setups}) > 1]
    origins = {(s.sampler_package, s.sampler_version) for s in all_setups if s.sampler == setup.sampler}
    if len(origins) > 1:
        extra.append(f"{setup.sampler_package} {setup.sampler_version}")
    return ", ".join(filter(None, [part_name(setup, "sampler", defaults), method_name(setup, defaults), *extra]))


def method_name(setup: Setup, defaults: Defaults) -> str:
    """The guidance that uses the measurement of an inverse problem; "" where there is none."""
    return label({"guidance": setup.method, "guidance_options": setup.method_options}, "guidance", defaults)


def setup_names(setups: Iterable[Setup], defaults: Defaults) -> dict[Setup, str]:
    """A distinct name for each setup: as on its board, with schedule and grid where two names would be equal."""
    distinct = list(dict.fromkeys(setups))
    names = {setup: full_name(setup, distinct, defaults) for setup in distinct}
    counts = Counter(names.values())
    return {
        setup: name
        if counts[name] == 1
        else ", ".join([name, *(part_name(setup, kind, defaults) for kind in ("schedule", "grid"))])
        for setup, name in names.items()
    }
