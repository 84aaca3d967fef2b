"""What rows say of where they come from, in words."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from benchbox.report.escape import plain_text
from benchbox.report.page.content import View
from benchbox.report.table import changed_options, number


def lede(rows: pd.DataFrame) -> str:
    """What there is, in a paragraph."""
    samplers, models = rows["sampler"].nunique(), rows["model"].nunique()
    done = int((rows["status"] == "done").sum())
    others = "" if done == len(rows) else f", of {len(rows):,}"
    return (
        f"{samplers} sampler{'s' * (samplers != 1)} on {models} model{'s' * (models != 1)}: {done:,} measured "
        f"cell{'s' * (done != 1)}{others}. Each card says what to use at a budget of network evaluations per sample, "
        "how sure that is, what it costs, and the command that measures it again."
    )


def origin_of_rows(rows: pd.DataFrame) -> str:
    """Where the rows come from: machines, versions, days."""
    parts = [f"Measured on {plain_text(', '.join(_distinct(rows, 'device')))}"]
    parts += [f"with {name} {', '.join(found)}" for name in ("benchbox", "torch") if (found := _distinct(rows, name))]
    days = sorted(t[:10] for t in _distinct(rows, "started_at"))
    span = "" if not days else f", {days[0]}" if days[0] == days[-1] else f", {days[0]} to {days[-1]}"
    return plain_text(" ".join(parts) + span + ".")


def _distinct(rows: pd.DataFrame, column: str) -> list[str]:
    return sorted(rows[column].dropna().astype(str).unique()) if column in rows else []


def measured_packages(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """The packages and versions that a sampler's rows were measured with."""
    pairs = rows[["sampler_package", "sampler_version"]].dropna().drop_duplicates()
    return [(plain_text(str(p)), plain_text(str(v))) for p, v in pairs.itertuples(index=False)]


def measured_options(rows: pd.DataFrame) -> list[str]:
    """The options that a sampler's rows were measured with, those of a default value too."""
    found = [
        changed_options(json.loads(text), "sampler", "", _no_defaults) for text in _distinct(rows, "sampler_options")
    ]
    return [plain_text(text) for text in found if text]


def _no_defaults(kind: str, name: str) -> dict[str, Any]:
    return {}


def places(of: Iterable[View], sampler: str) -> tuple[list[int | None], list[dict[str, Any]]]:
    """The ranks of a sampler: the budgets, and a line for each setup on each view, with its `ranks` by budget."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for view in of:
        ranked = [line for line in view.lines if line["place"]]
        for line in ranked:
            if line["sampler"] == sampler:
                same = sum(other["budget"] == line["budget"] for other in ranked)
                place = {"model": view.task.model, "view": view, "name": line["name"], "ranks": {}}
                ranks = found.setdefault((view.id, line["name"]), place)["ranks"]
                ranks[line["budget"]] = f"{line['rank']} of {same}", number(line["value"], 4)
    budgets = {budget for place in found.values() for budget in place["ranks"]}
    return sorted(budgets, key=lambda b: b or math.inf), list(found.values())


def facts(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """What rows say of their model."""
    columns = {"Data set": "dataset", "Options": "model_options", "SHA-256 of the weights": "model_sha256"}
    found = [(name, plain_text(", ".join(_distinct(rows, column)))) for name, column in columns.items()]
    return [*((name, text) for name, text in found if text not in ("", "{}")), ("Rows", f"{len(rows):,}")]
