"""Facts about rows, in words: counts, origin, packages, ranks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from benchbox.project_packages import package_location
from benchbox.report.escape import plain_text
from benchbox.report.page.content import View
from benchbox.report.table import changed_options, count_of, number


def lede(rows: pd.DataFrame) -> str:
    samplers, models = rows["sampler"].nunique(), rows["model"].nunique()
    done = int((rows["status"] == "done").sum())
    others = "" if done == len(rows) else f" of {len(rows):,}"
    return (
        f"{count_of(samplers, 'sampler')} on {count_of(models, 'model')}, {count_of(done, 'measured cell')}{others}: "
        "quality against the number of network evaluations per sample."
    )


def origin_of_rows(rows: pd.DataFrame) -> str:
    """The origin of the rows: devices, versions, dates."""
    parts = [f"Measured on {plain_text(', '.join(_distinct(rows, 'device')))}"]
    parts += [
        f"with {name} {', '.join(versions)}" for name in ("benchbox", "torch") if (versions := _distinct(rows, name))
    ]
    days = sorted(t[:10] for t in _distinct(rows, "started_at"))
    span = "" if not days else f", {days[0]}" if days[0] == days[-1] else f", {days[0]} to {days[-1]}"
    return plain_text(" ".join(parts) + span + ".")


def _distinct(rows: pd.DataFrame, column: str) -> list[str]:
    return sorted(rows[column].dropna().astype(str).unique()) if column in rows else []


def measured_packages(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The packages and versions in a sampler's rows, and where each package is, if it is one of this project."""
    pairs = rows[["sampler_package", "sampler_version"]].dropna().drop_duplicates()
    return [
        (plain_text(str(p)), plain_text(str(v)), package_location(str(p))) for p, v in pairs.itertuples(index=False)
    ]


def measured_options(rows: pd.DataFrame) -> list[str]:
    """The options in a sampler's rows, including those with their default value."""
    options = map(json.loads, _distinct(rows, "sampler_options"))
    texts = [changed_options(values, "sampler", "", _no_defaults) for values in options]
    return [plain_text(text) for text in texts if text]


def _no_defaults(kind: str, name: str) -> dict[str, Any]:
    return {}


def sampler_ranks(views: Iterable[View], sampler: str) -> tuple[list[int | None], list[dict[str, Any]]]:
    """The ranks of a sampler: the budgets, and a line per view and setup, with its `ranks` by budget."""
    by_setup: dict[tuple[str, str], dict[str, Any]] = {}
    for view in views:
        ranked = [line for line in view.lines if line["place"]]
        for line in ranked:
            if line["sampler"] == sampler:
                n_ranked = sum(other["budget"] == line["budget"] for other in ranked)
                empty = {"model": view.task.model, "view": view, "name": line["name"], "ranks": {}}
                ranks = by_setup.setdefault((view.id, line["name"]), empty)["ranks"]
                ranks[line["budget"]] = f"{line['rank']} of {n_ranked}", number(line["value"], 4)
    budgets = {budget for setup in by_setup.values() for budget in setup["ranks"]}
    return sorted(budgets, key=lambda b: b or math.inf), list(by_setup.values())


def facts(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Facts about the model of these rows."""
    columns = {"Data set": "dataset", "Options": "model_options", "SHA-256 of the weights": "model_sha256"}
    texts = [(name, plain_text(", ".join(_distinct(rows, column)))) for name, column in columns.items()]
    return [*((name, text) for name, text in texts if text not in ("", "{}")), ("Rows", f"{len(rows):,}")]
