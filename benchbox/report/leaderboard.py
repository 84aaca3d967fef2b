"""Ranks, from rows alone: only what may be compared is ranked together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.console import RenderableType

from benchbox.report.table import Usual, compact, labels, number, status

BEST_FIRST = ("fid", "w2", "sw2")
"""Metrics that are ranked, the lower the better, in the order in which a board is chosen for a row."""

SAME = ["metric", "dataset", "model", "features", "n_samples"]
"""Rows that differ in any of these are never ranked together."""

SHOWN = [
    "rank", "sampler", "sampler_options", "model_options", "schedule", "schedule_options", "grid", "grid_options",
    "seed", "nfe", "value", "wall_s", "samples_per_s", "status", "reason",
]  # fmt: skip


def boards(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per row and metric with its rank within its board and budget; what is not `done` has no rank."""
    columns = [*SAME, "nfe_requested", *SHOWN]
    parts = [measured_by(rows, metric) for metric in BEST_FIRST if metric in rows]
    board = pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0].reindex(columns=columns)
    honest = board[(board["status"] == "done") & board["value"].notna()]
    keys = [*SAME, "nfe_requested"]
    board["rank"] = honest.groupby(keys, dropna=False)["value"].rank(method="min")
    return board.sort_values([*keys, "rank", "sampler"])[columns].reset_index(drop=True)


def measured_by(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows that were to be measured by a metric, with its `value` and its `features`."""
    asked = rows["metric_options"].map(lambda text: metric in json.loads(text or "{}"))
    part = rows[rows[metric].notna() | asked]
    column = f"{metric}_features"
    features = part[column] if column in part else pd.Series("", part.index)
    # a row without a value does not say its features: it stands with those of its data set, where these are the same
    groups = part.assign(features=features).groupby(["dataset", "model"], dropna=False)["features"]
    usual = groups.transform(lambda f: f.dropna().iloc[0] if f.nunique() == 1 else "")
    return part.assign(metric=metric, value=part[metric].astype(float), features=features.fillna(usual).fillna(""))


def tables(board: pd.DataFrame, usual: Usual) -> Iterator[RenderableType]:
    """A table per board and budget; `usual` are the options that need not be said."""
    for keys, part in board.groupby([*SAME, "nfe_requested"], dropna=False, sort=True):
        metric, dataset, model, features, n_samples, nfe = tuple[Any, ...](keys)
        budget = "adaptive" if pd.isna(nfe) else f"NFE {int(nfe)}"
        measure = f"{metric} ({features})" if features else metric
        title = f"{model}, {budget}: {measure} of {n_samples} samples against {dataset}"
        records: list[Any] = part.to_dict("records")
        yield compact(title, [line(row, str(metric), usual) for row in records])


def line(row: dict[str, Any], metric: str, usual: Usual) -> dict[str, str]:
    """A row of a board as it is shown; the model is in the title, unless it has options."""
    named = labels(row, usual)
    if named["model"] == row["model"]:
        del named["model"]
    return {
        "rank": number(row["rank"]), **named, "NFE": number(row["nfe"]), metric: number(row["value"], 4),
        "seconds": number(row["wall_s"], 3), "samples/s": number(row["samples_per_s"], 3), "status": status(row),
    }  # fmt: skip
