"""Rows made ready for the boards of a metric: value, error, and what it was compared with."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from benchbox.report.board import SETUP, BoardRow, BoardTask
from benchbox.report.estimate import student
from benchbox.store.values import Value, values


@dataclass(frozen=True)
class Ranked:
    """A column that is ranked: the metric that gives it, whether more of it is better, and the ending of the column
    of its standard error (where there is no interval). `blocks`: the interval is a jackknife's over so many, where the
    row also has the column that it is about, `_inf`."""

    metric: str
    highest: bool = False
    error: str = "_std"
    blocks: int = 0


RANKED = {
    "fid": Ranked("fid", blocks=10), "kid": Ranked("kid", error="_se"), "isc": Ranked("isc", highest=True, error=""),
    "precision": Ranked("prc", highest=True), "recall": Ranked("prc", highest=True),
    "f_score": Ranked("prc", highest=True), "w2": Ranked("w2"), "sw2": Ranked("sw2"), "mmd": Ranked("mmd"),
    "energy": Ranked("energy"), "mode_recall": Ranked("modes", highest=True), "ode_error": Ranked("ode_error"),
    "class_accuracy": Ranked("class_accuracy", highest=True, error="_se"),
}  # fmt: skip
"""The columns that are ranked, in the order of the boards. Of others no best is known, or they measure the model alone.

The `_std` of isc is the spread over its splits, and no standard error.
"""

SAID = ("features", "reference")
"""Options of a metric that columns of its own say, by what they came to."""

TASK_COLUMNS = [f.name for f in fields(BoardTask) if f.name != "metric"]


def prepared_rows(rows: pd.DataFrame, metric: str) -> list[BoardRow]:
    """The rows that were to be measured by a metric, with `value`, `error` (nan: unknown), `dof`, `features`."""
    part = by_value(rows, metric)
    texts = {*TASK_COLUMNS, *SETUP, "command", "reason", "device", "cell", "cuda"} - {*SAID, "n_samples", "setting"}
    for name in texts:
        column = part[name].astype(object) if name in part else pd.Series(None, part.index, dtype=object)
        part[name] = column.fillna("{}" if name.endswith("_options") else "")
    part["value"], part["dof"] = part[metric].astype(float), _dof(part, metric)
    part["error"] = _standard_errors(part, metric)
    budgets = [None if pd.isna(nfe) else int(nfe) for nfe in part["nfe_requested"]]
    part["nfe_requested"] = pd.Series(budgets, part.index, dtype=object)
    said = {ending: _texts(part, f"{RANKED[metric].metric}_{ending}") for ending in SAID}
    records: list[Any] = part.assign(**said).to_dict("records")
    return records


def by_value(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A line for each value of the metric in each row: its columns under the metric's own names, and its `setting`."""
    texts = [rows.get(name, pd.Series("{}", rows.index)) for name in ("metric_options", "metric_values")]
    pairs = pd.Series(list(zip(*texts, strict=True)), rows.index, dtype=object)
    found = {pair: _values(pair, RANKED[metric].metric) for pair in set(pairs)}
    said = tuple(ending for ending in SAID if f"{RANKED[metric].metric}_{ending}" in rows)
    suffixes = sorted({suffix for values in found.values() for suffix in values} | {""})
    parts = []
    for suffix in suffixes:
        own = {pair: values[suffix] for pair, values in found.items() if suffix in values}
        there = pairs.isin(list(own)) | (rows[metric].notna() if suffix == "" else False)
        part = rows[there]
        marked = {name.removesuffix(suffix): part[name] for name in rows.columns if suffix and name.endswith(suffix)}
        options = pairs[there].map(lambda pair, own=own: _options(own.get(pair)))
        setting = pairs[there].map(lambda pair, own=own: _setting(own.get(pair), said))
        parts.append(part.assign(**marked, metric_options=options, setting=setting))
    return pd.concat(parts) if len(parts) > 1 else parts[0]


def _values(pair: tuple[Any, Any], metric: str) -> dict[str, Value]:
    """The values of a metric in a row, by the mark of their columns."""
    row = dict(zip(("metric_options", "metric_values"), pair, strict=True))
    return {value.suffix: value for value in values(row) if value.metric == metric}


def _options(value: Value | None) -> str:
    return json.dumps({value.metric: value.options} if value else {})


def _setting(value: Value | None, said: Collection[str]) -> str:
    """What is not said elsewhere of how a value was measured; a file that was given, by its contents."""
    options = value.options if value else {}
    files = (value.files if value else None) or {}
    given = {name: files.get(name, option) for name, option in options.items() if option is not None}
    return json.dumps({name: option for name, option in given.items() if name not in said}, sort_keys=True)


def _column(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    return rows.get(name, pd.Series(math.nan, rows.index)).astype(float)


def _dof(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Degrees of freedom of the standard error of each row."""
    jackknife = _column(rows, f"{metric}_inf").notna() & (RANKED[metric].blocks > 0)
    return jackknife.map({True: RANKED[metric].blocks - 1.0, False: math.inf})


def _standard_errors(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Standard errors of single rows: from the 95 % interval, else as the metric states them."""
    width = _column(rows, f"{metric}_high") - _column(rows, f"{metric}_low")
    ending = RANKED[metric].error
    return (width / (2 * rows["dof"].map(student))).fillna(_column(rows, f"{metric}{ending}" if ending else ""))


def _texts(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """A column; a row without a value in it stands with those of its model, where they are the same."""
    column = rows.get(name, pd.Series(None, rows.index, dtype=object))
    groups = rows.assign(said=column).groupby(["dataset", "model", "model_sha256"])["said"]
    usual = groups.transform(lambda said: said.dropna().iloc[0] if said.nunique() == 1 else "")
    return column.fillna(usual).fillna("").astype(str)
