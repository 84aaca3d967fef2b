"""The command line that reproduces a setup."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from benchbox.commas import comma_list, quoted
from benchbox.errors import UsageError
from benchbox.report.board import Board, BoardTask
from benchbox.report.entry import BoardRow, Setup
from benchbox.report.prepared import RANKED
from benchbox.report.table import Defaults, written

DEFAULTS = {"batch_size": 64, "noise_block": 16, "nfe_policy": "floor"}
"""Defaults of `benchbox run` for options that only the rows state."""


def run_command(
    board: Board, setup: Setup, seeds: Sequence[int], defaults: Defaults, row: BoardRow | None = None
) -> str:
    """`benchbox run` for one setup at the budget of a board, without default options.

    row: one of the measured rows. It states what the board does not: metrics, batch size, noise.
    """
    task, row = board.task, row or {}
    if board.levels == "unknown":
        return str(row.get("command") or "")
    metrics = json.loads(row.get("metric_options") or "{}")
    if task.metric in RANKED:
        metrics = {name: o for name, o in metrics.items() if name == RANKED[task.metric].metric}
    words = ["benchbox", "run", "--sampler", setup.sampler]
    words += ["--nfe", str(board.budget)] if board.budget is not None else []
    words += [*model_words(task, row, defaults), "--schedule", setup.schedule, "--grid", setup.grid]
    guidance = task.guidance or setup.method
    words += ["--guidance", guidance] if guidance else []
    words += ["--problem", task.problem, "--measurements", task.measurements] if task.problem else []
    words += ["--nfe-of", task.nfe_of] if task.nfe_of not in ("", "network") else []
    words += ["--metric", ",".join(metrics)] if metrics else []
    words += ["--samples", str(task.n_samples), "--seed", ",".join(map(str, seeds))]
    for name, default in (("dtype", "float32"), ("final", "denoise")):
        words += [f"--{name}", getattr(setup, name)] if getattr(setup, name) not in ("", default) else []
    words += ["--compile"] if setup.compile else []
    words += ["--channels-last"] if setup.memory_format == "channels_last" else []
    for name, value in _run_options(row):
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
        words += _set(kind, name, options, defaults)
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
    typed = _model_in(str(row.get("command") or ""))
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


def _model_in(command: str) -> str:
    """The model in the command of a row; "" unless there is exactly one."""
    with suppress(ValueError, UsageError):  # a row may hold any text
        words = shlex.split(command)
        for i, word in enumerate(words):
            name, _, value = word.partition("=")
            if name == "--model":
                models = comma_list(value or "".join(words[i + 1 : i + 2]))
                return models[0] if len(models) == 1 else ""
    return ""


def _run_options(row: BoardRow) -> Iterator[tuple[str, str]]:
    """The non-default options of the run that only a row states, by name."""
    for name, default in DEFAULTS.items():
        value = row.get(name)
        if value is not None and value == value and value != default:
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
