"""Rows made ready for the boards of a metric: value, error, and what it was compared with."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from benchbox.report.board import SETUP, Row, Task
from benchbox.report.ties import NORMAL


@dataclass(frozen=True)
class Ranked:
    """A column that is ranked: the metric that gives it, whether more of it is better, and the ending of the column
    of its standard error (where there is no interval)."""

    metric: str
    highest: bool = False
    error: str = "_std"


RANKED = {
    "fid": Ranked("fid"), "kid": Ranked("kid", error="_se"), "isc": Ranked("isc", highest=True, error=""),
    "precision": Ranked("prc", highest=True), "recall": Ranked("prc", highest=True),
    "f_score": Ranked("prc", highest=True), "w2": Ranked("w2"), "sw2": Ranked("sw2"), "mmd": Ranked("mmd"),
    "energy": Ranked("energy"), "mode_recall": Ranked("modes", highest=True), "ode_error": Ranked("ode_error"),
}  # fmt: skip
"""The columns that are ranked, in the order of the boards. Of others no best is known, or they measure the model alone.

The `_std` of isc is the spread over its splits, and no standard error.
"""

TASK = [f.name for f in fields(Task) if f.name != "metric"]


def prepared(rows: pd.DataFrame, metric: str) -> list[Row]:
    """The rows that were to be measured by a metric, with its `value`, standard `error` (nan: unknown), `features`."""
    options = rows.get("metric_options", pd.Series("{}", rows.index))
    asked = options.map(lambda text: RANKED[metric].metric in json.loads(text or "{}"))
    part = rows[rows[metric].notna() | asked].copy()
    texts = {*TASK, *SETUP, "command", "reason", "device", "cell", "cuda"} - {"features", "reference", "n_samples"}
    for name in texts:
        column = part[name].astype(object) if name in part else pd.Series(None, part.index, dtype=object)
        part[name] = column.fillna("{}" if name.endswith("_options") else "")
    part["value"], part["error"] = part[metric].astype(float), _errors(part, metric)
    budgets = [None if pd.isna(nfe) else int(nfe) for nfe in part["nfe_requested"]]
    part["nfe_requested"] = pd.Series(budgets, part.index, dtype=object)
    said = {ending: _said(part, f"{RANKED[metric].metric}_{ending}") for ending in ("features", "reference")}
    records: list[Any] = part.assign(**said).to_dict("records")
    return records


def _errors(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Standard errors of single rows: from the 95 % interval, else as the metric states them."""
    nothing = pd.Series(math.nan, rows.index)
    stated = RANKED[metric].error
    names = f"{metric}_low", f"{metric}_high", f"{metric}{stated}" if stated else ""
    low, high, error = (rows.get(name, nothing).astype(float) for name in names)
    return ((high - low) / (2 * NORMAL)).fillna(error)


def _said(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """A column; a row without a value in it stands with those of its model, where they are the same."""
    column = rows.get(name, pd.Series(None, rows.index, dtype=object))
    groups = rows.assign(said=column).groupby(["dataset", "model", "model_sha256"])["said"]
    usual = groups.transform(lambda said: said.dropna().iloc[0] if said.nunique() == 1 else "")
    return column.fillna(usual).fillna("").astype(str)
