"""The command line that reproduces a setup."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from benchbox.commas import quoted
from benchbox.report.board import Board, BoardTask, chosen_by_command
from benchbox.report.entry import BoardRow, Setup
from benchbox.report.prepared import RANKED
from benchbox.report.row_command import changed, is_complete, model_in, named_options
from benchbox.report.table import Defaults, written

DEFAULTS = {
    "samples": 1000, "seed": "0", "dtype": "float32", "final": "denoise", "batch_size": 64, "noise_block": 16,
    "nfe_policy": "floor",
}  # fmt: skip
"""Defaults of `benchbox run`."""


def run_command(
    board: Board, setup: Setup, seeds: Sequence[int], defaults: Defaults, row: BoardRow | None = None
) -> str:
    """`benchbox run` for one setup at the budget of a board, without default options.

    row: one of the measured rows. It states what the board does not: metrics, batch size, noise.
    """
    task, row = board.task, row or {}
    command = str(row.get("command") or "")
    if board.levels == "unknown":
        return command
    metrics = _metrics(task, row)
    words = ["benchbox", "run", "--sampler", setup.sampler]
    words += ["--nfe", str(board.budget)] if board.budget is not None else []
    words += model_words(task, row, defaults)
    if not is_complete(command) or chosen_by_command(command, setup.schedule_options, setup.grid_options):
        words += ["--schedule", setup.schedule, "--grid", setup.grid]
    guidance = task.guidance or setup.method
    words += ["--guidance", guidance] if guidance else []
    words += ["--problem", task.problem, "--measurements", task.measurements] if task.problem else []
    words += ["--nfe-of", task.nfe_of] if task.nfe_of not in ("", "network") else []
    if metrics and not (len(metrics) == 1 and is_complete(command) and "--metric" not in named_options(command)):
        words += ["--metric", ",".join(metrics)]
    words += ["--compile"] if setup.compile else []
    words += ["--channels-last"] if setup.memory_format == "channels_last" else []
    for name, value in _run_options(task, setup, seeds, row):
        words += [f"--{name.replace('_', '-')}", value]
    plugins = [
        (kind, getattr(setup, kind), json.loads(getattr(setup, f"{kind}_options")))
        for kind in ("sampler", "schedule", "grid")
    ]
    options = task.guidance_options if task.guidance else setup.method_options
    plugins += [("guidance", guidance, json.loads(options))] if guidance else []
    plugins += [("problem", task.problem, json.loads(task.problem_options))] if task.problem else []
    plugins += [("metric", name, options) for name, options in metrics.items()]
    for kind, name, options in plugins:
        words += _set(kind, name, options if defaults(kind, name) else changed(options, command), defaults)
    return shlex.join(words)


def model_words(task: BoardTask, row: BoardRow, defaults: Defaults) -> list[str]:
    """--model and its options as words of a command. row: one that was measured with the model."""
    plugin, model, options = _model(task.model, json.loads(task.model_options), row, defaults)
    return ["--model", quoted(model), *_set("model", plugin, options, defaults)]


def guidance_words(task: BoardTask, defaults: Defaults) -> list[str]:
    """--guidance of a task and its options as words of a command; empty where it has none."""
    if not task.guidance:
        return []
    options = json.loads(task.guidance_options)
    return ["--guidance", task.guidance, *_set("guidance", task.guidance, options, defaults)]


def _model(
    title: str, options: Mapping[str, Any], row: BoardRow, defaults: Defaults
) -> tuple[str, str, Mapping[str, Any]]:
    """The plugin of a model, the value of --model, and the options that remain for --set.

    title: the name of its plugin, PLUGIN:NAME, or the name on its card. A required option of the plugin, such as a
    file, is part of --model; a card is given by its path.
    """
    cards = [option for option, value in options.items() if isinstance(value, str) and value.endswith(".json")]
    typed = model_in(str(row.get("command") or ""))
    if cards:
        plugin, model, taken = typed.partition(":")[0] if ":" in typed else title, options[cards[0]], cards[0]
        return plugin, f"{plugin}:{model}" if ":" in typed else model, _without(options, taken)
    if ":" in typed and typed.partition(":")[2] in options.values():
        plugin, _, value = typed.partition(":")
    elif ":" in title:
        plugin, _, rest = title.partition(":")
        required = [v for o, v in options.items() if o not in defaults("model", title) and isinstance(v, str)]
        value = next((v for v in required if rest in (v, PurePath(v).name, PurePath(v).stem)), rest)
    else:
        return title, title, options
    return plugin, f"{plugin}:{value}", _without(options, next((o for o, v in options.items() if v == value), ""))


def _without(options: Mapping[str, Any], taken: str) -> dict[str, Any]:
    return {option: value for option, value in options.items() if option != taken}


def _metrics(task: BoardTask, row: BoardRow) -> dict[str, Any]:
    """The metrics of a row with their options; of a board, only its own."""
    metrics = json.loads(row.get("metric_options") or "{}")
    own = RANKED[task.metric].metric if task.metric in RANKED else ""
    return {name: options for name, options in metrics.items() if own in ("", name)}


def _run_options(task: BoardTask, setup: Setup, seeds: Sequence[int], row: BoardRow) -> Iterator[tuple[str, str]]:
    """The non-default options of the run, by name; some of them are only in the row."""
    values: dict[str, Any] = {
        "samples": task.n_samples, "seed": ",".join(map(str, seeds)), "dtype": setup.dtype, "final": setup.final,
    }  # fmt: skip
    for name, default in DEFAULTS.items():
        value = values[name] if name in values else row.get(name)
        if value not in (None, "", default) and value == value:
            yield name, str(value if isinstance(value, str) else int(value))
    if row.get("noise_device") == "cpu" and row.get("cuda"):
        yield "noise_device", "cpu"


def _set(kind: str, name: str, options: Mapping[str, Any], defaults: Defaults) -> list[str]:
    """--set for each non-default option, as words of a command."""
    return [word for setting in _settings(kind, name, options, defaults) for word in ("--set", setting)]


def _settings(kind: str, name: str, options: Mapping[str, Any], defaults: Defaults) -> Iterator[str]:
    """PLUGIN.OPTION=V for each non-default option; a nested plugin is followed by its own options."""
    default_values = defaults(kind, name)
    for option, value in options.items():
        if option in default_values and value == default_values[option]:
            continue
        if isinstance(value, dict):
            yield f"{name}.{option}={value['name']}"
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid", "model") if defaults(k, value["name"])]
            yield from _settings(kinds[0] if kinds else "", value["name"], inner, defaults)
        else:
            yield f"{name}.{option}={quoted(written(value))}"
