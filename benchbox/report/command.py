"""The command that measures a setup again, as it is typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from benchbox.commas import comma_list, quoted
from benchbox.errors import UsageError
from benchbox.report.board import Board, BoardRow, BoardTask, Setup
from benchbox.report.prepared import RANKED
from benchbox.report.table import Usual, written

DEFAULTS = {"batch_size": 64, "noise_block": 16, "nfe_policy": "floor"}
"""Of `benchbox run`, among what only the rows say."""


def run_command(board: Board, setup: Setup, seeds: Sequence[int], usual: Usual, row: BoardRow | None = None) -> str:
    """`benchbox run` for one setup at a board's budget; options that are as usual are left out.

    row: one of those that were measured. It says what the board does not: metrics, batch size, noise.
    """
    task, row = board.task, row or {}
    if board.levels == "unknown":
        return str(row.get("command") or "")
    metrics = json.loads(row.get("metric_options") or "{}")
    if task.metric in RANKED:
        metrics = {name: o for name, o in metrics.items() if name == RANKED[task.metric].metric}
    words = ["benchbox", "run", "--sampler", setup.sampler]
    words += ["--nfe", str(board.budget)] if board.budget is not None else []
    words += [*model_words(task, row, usual), "--schedule", setup.schedule, "--grid", setup.grid]
    words += ["--guidance", task.guidance] if task.guidance else []
    words += ["--nfe-of", task.nfe_of] if task.nfe_of not in ("", "network") else []
    words += ["--metric", ",".join(metrics)] if metrics else []
    words += ["--samples", str(task.n_samples), "--seed", ",".join(map(str, seeds))]
    for name, default in (("dtype", "float32"), ("final", "denoise")):
        words += [f"--{name}", getattr(setup, name)] if getattr(setup, name) not in ("", default) else []
    for name, value in _unusual(row):
        words += [f"--{name.replace('_', '-')}", value]
    given = [
        (kind, getattr(setup, kind), json.loads(getattr(setup, f"{kind}_options")))
        for kind in ("sampler", "schedule", "grid")
    ]
    given += [("guidance", task.guidance, json.loads(task.guidance_options))] if task.guidance else []
    given += [("metric", name, options) for name, options in metrics.items()]
    for kind, name, options in given:
        words += _set(kind, name, options, usual)
    return shlex.join(words)


def model_words(task: BoardTask, row: BoardRow, usual: Usual) -> list[str]:
    """--model and its options, as words of a command; row: one that was measured on it."""
    plugin, model, options = _model(task.model, json.loads(task.model_options), row, usual)
    return ["--model", quoted(model), *_set("model", plugin, options, usual)]


def _model(title: str, options: Mapping[str, Any], row: BoardRow, usual: Usual) -> tuple[str, str, Mapping[str, Any]]:
    """The plugin of a model, what --model takes, and the options that are left for --set.

    A title is what the model calls itself: its plugin's name, PLUGIN:NAME, or the name on its card. Where the plugin
    has a required option, such as a file, --model takes that; a card is taken by its path.
    """
    cards = [option for option, value in options.items() if isinstance(value, str) and value.endswith(".json")]
    asked = _model_in(str(row.get("command") or ""))
    if cards:
        plugin, model, taken = asked.partition(":")[0] if ":" in asked else title, options[cards[0]], cards[0]
        return plugin, f"{plugin}:{model}" if ":" in asked else model, _without(options, taken)
    if ":" in asked and asked.partition(":")[2] in options.values():
        plugin, _, value = asked.partition(":")
    elif ":" in title:
        plugin, _, rest = title.partition(":")
        required = [v for o, v in options.items() if o not in usual("model", title) and isinstance(v, str)]
        value = next((v for v in required if rest in (v, PurePath(v).name, PurePath(v).stem)), rest)
    else:
        return title, title, options
    return plugin, f"{plugin}:{value}", _without(options, next((o for o, v in options.items() if v == value), ""))


def _without(options: Mapping[str, Any], taken: str) -> dict[str, Any]:
    return {option: value for option, value in options.items() if option != taken}


def _model_in(command: str) -> str:
    """The model that a row's own command names, where it names one."""
    with suppress(ValueError, UsageError):  # a row may hold any text
        words = shlex.split(command)
        for i, word in enumerate(words):
            name, _, value = word.partition("=")
            if name == "--model":
                found = comma_list(value or "".join(words[i + 1 : i + 2]))
                return found[0] if len(found) == 1 else ""
    return ""


def _unusual(row: BoardRow) -> Iterator[tuple[str, str]]:
    """Options of the run, by name, that only a row says; not those that are as usual or that it does not say."""
    for name, default in DEFAULTS.items():
        value = row.get(name)
        if value is not None and value == value and value != default:
            yield name, str(value if isinstance(value, str) else int(value))
    if row.get("noise_device") == "cpu" and row.get("cuda"):
        yield "noise_device", "cpu"


def _set(kind: str, name: str, options: Mapping[str, Any], usual: Usual) -> list[str]:
    """--set for each option that is not as usual, as words of a command."""
    return [word for setting in _settings(kind, name, options, usual) for word in ("--set", setting)]


def _settings(kind: str, name: str, options: Mapping[str, Any], usual: Usual) -> Iterator[str]:
    """PLUGIN.OPTION=V of what is not as usual; an option that is a plugin has its own options after it."""
    known = usual(kind, name)
    for option, value in options.items():
        if option in known and value == known[option]:
            continue
        if isinstance(value, dict):
            yield f"{name}.{option}={value['name']}"
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid", "model") if usual(k, value["name"])]
            yield from _settings(kinds[0] if kinds else "", value["name"], inner, usual)
        else:
            yield f"{name}.{option}={quoted(written(value))}"
