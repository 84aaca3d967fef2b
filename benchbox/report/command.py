"""The command that measures a setup."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchbox.report.board import Board, Setup
from benchbox.report.table import Usual, written


def run_command(board: Board, setup: Setup, seeds: Sequence[int], usual: Usual) -> str:
    """`benchbox run` for one setup at a board's budget; options that are as usual are left out."""
    task = board.task
    words = ["benchbox", "run", "--sampler", setup.sampler]
    words += ["--nfe", str(board.budget)] if board.budget is not None else []
    words += ["--model", task.model, "--schedule", setup.schedule, "--grid", setup.grid]
    words += ["--samples", str(task.n_samples), "--seed", ",".join(map(str, seeds))]
    for name, default in (("dtype", "float32"), ("final", "denoise")):
        words += [f"--{name}", getattr(setup, name)] if getattr(setup, name) not in ("", default) else []
    given = [
        (kind, getattr(setup, kind), getattr(setup, f"{kind}_options")) for kind in ("sampler", "schedule", "grid")
    ]
    for kind, name, options in [("model", task.model, task.model_options), *given]:
        for setting in _settings(kind, name, json.loads(options), usual):
            words += ["--set", setting]
    return shlex.join(words)


def _settings(kind: str, name: str, options: Mapping[str, Any], usual: Usual) -> Iterator[str]:
    """PLUGIN.OPTION=V of what is not as usual; an option that is a plugin has its own options after it."""
    known = usual(kind, name)
    for option, value in options.items():
        if option in known and value == known[option]:
            continue
        if isinstance(value, dict):
            yield f"{name}.{option}={value['name']}"
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid") if usual(k, value["name"])]
            yield from _settings(kinds[0] if kinds else "", value["name"], inner, usual)
        else:
            yield f"{name}.{option}={written(value)}"
