"""Rows prepared for the boards of a metric: value, standard error, reference."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from benchbox.report.board import BoardTask
from benchbox.report.entry import SETUP, BoardRow
from benchbox.report.estimate import student
from benchbox.report.rows import records
from benchbox.store.values import Value, values


@dataclass(frozen=True)
class Ranked:
    """A ranked column: its metric, whether higher is better, and the suffix of the column of its standard error, which
    is used where there is no interval. blocks: the number of jackknife blocks behind the interval, where the row has
    the `_inf` column that the interval belongs to."""

    metric: str
    highest: bool = False
    error: str = "_std"
    blocks: int = 0


RANKED = {
    "fid": Ranked("fid", blocks=10), "kid": Ranked("kid", error="_se"), "isc": Ranked("isc", highest=True, error=""),
    "precision": Ranked("prc", highest=True), "recall": Ranked("prc", highest=True),
    "f_score": Ranked("prc", highest=True), "w2": Ranked("w2"), "sw2": Ranked("sw2"), "mmd": Ranked("mmd"),
    "energy": Ranked("energy"), "mode_recall": Ranked("modes", highest=True), "ode_error": Ranked("ode_error"),
    "class_accuracy": Ranked("class_accuracy", highest=True, error="_se"), "psnr": Ranked("psnr", highest=True),
    "ssim": Ranked("ssim", highest=True), "lpips": Ranked("lpips"), "crps": Ranked("crps"), "sw1": Ranked("sw1"),
    "teacher_error": Ranked("teacher_error"), "teacher_error_decoded": Ranked("teacher_error"),
    "clip_score": Ranked("clip_score", highest=True), "reward": Ranked("reward", highest=True),
}  # fmt: skip
"""The ranked columns, in the order of the boards. Other columns have no best value, or measure only the model.

The `_std` of isc is the spread over its splits, not a standard error.
"""

OWN_COLUMN = ("features", "reference")
"""Options of a metric whose resolved values have columns of their own."""

TASK_COLUMNS = [f.name for f in fields(BoardTask) if f.name != "metric"]


def prepared_rows(rows: pd.DataFrame, metric: str) -> list[BoardRow]:
    """The rows that have a metric, with `value`, `error` (nan: unknown), `dof` and `features`."""
    table = by_value(rows, metric)
    texts = {*TASK_COLUMNS, *SETUP, "command", "reason", "device", "cell", "cuda"} - {
        *OWN_COLUMN,
        "n_samples",
        "setting",
    }
    for name in texts:
        column = table[name].astype(object) if name in table else pd.Series(None, table.index, dtype=object)
        table[name] = column.fillna("{}" if name.endswith("_options") else "")
    table["value"], table["dof"] = table[metric].astype(float), _dof(table, metric)
    table["error"] = _standard_errors(table, metric)
    budgets = [None if pd.isna(nfe) else int(nfe) for nfe in table["nfe_requested"]]
    table["nfe_requested"] = pd.Series(budgets, table.index, dtype=object)
    table = with_methods(table)
    resolved = {name: _texts(table, f"{RANKED[metric].metric}_{name}") for name in OWN_COLUMN}
    return records(table.assign(**resolved))


def with_methods(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which the guidance of an inverse problem is what is compared, not a part of the task."""
    solves = rows["problem"] != ""
    counts = [f"{int(float(m))}" if p and m != "" else "" for p, m in zip(solves, rows["measurements"], strict=True)]
    moved: dict[str, Any] = {}
    for ending, none in (("", ""), ("_options", "{}")):
        guidance = rows[f"guidance{ending}"]
        moved |= {f"method{ending}": guidance.where(solves, none), f"guidance{ending}": guidance.where(~solves, none)}
    return rows.assign(measurements=counts, **moved)


def by_value(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per value of the metric, its columns under the metric's plain names, with the `setting` of the value."""
    texts = [rows.get(name, pd.Series("{}", rows.index)) for name in ("metric_options", "metric_values")]
    pairs = pd.Series(list(zip(*texts, strict=True)), rows.index, dtype=object)
    by_suffix = {pair: _values(pair, RANKED[metric].metric) for pair in set(pairs)}
    separate = tuple(name for name in OWN_COLUMN if f"{RANKED[metric].metric}_{name}" in rows)
    suffixes = sorted({suffix for values in by_suffix.values() for suffix in values} | {""})
    tables = []
    for suffix in suffixes:
        values_of = {pair: values.get(suffix) for pair, values in by_suffix.items()}
        has_value = pairs.map({pair: value is not None for pair, value in values_of.items()}).astype(bool)
        if suffix == "":
            has_value |= rows[metric].notna()
        table = rows[has_value]
        renamed = {name.removesuffix(suffix): table[name] for name in rows.columns if suffix and name.endswith(suffix)}
        options = pairs[has_value].map({pair: _options(value) for pair, value in values_of.items()})
        setting = pairs[has_value].map({pair: _setting(value, separate) for pair, value in values_of.items()})
        tables.append(table.assign(**renamed, metric_options=options, setting=setting))
    return pd.concat(tables) if len(tables) > 1 else tables[0]


def _values(pair: tuple[Any, Any], metric: str) -> dict[str, Value]:
    """The values of a metric in a row, by the suffix of their columns."""
    row = dict(zip(("metric_options", "metric_values"), pair, strict=True))
    return {value.suffix: value for value in values(row) if value.metric == metric}


def _options(value: Value | None) -> str:
    return json.dumps({value.metric: value.options} if value else {})


def _setting(value: Value | None, separate: Collection[str]) -> str:
    """The options of a value as JSON, without those that have columns of their own; a file as its checksum."""
    options = value.options if value else {}
    files = (value.files if value else None) or {}
    resolved = {name: files.get(name, option) for name, option in options.items() if option is not None}
    return json.dumps({name: option for name, option in resolved.items() if name not in separate}, sort_keys=True)


def _column(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    return rows.get(name, pd.Series(math.nan, rows.index)).astype(float)


def _dof(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Degrees of freedom of the standard error of each row."""
    jackknife = _column(rows, f"{metric}_inf").notna() & (RANKED[metric].blocks > 0)
    return jackknife.map({True: RANKED[metric].blocks - 1.0, False: math.inf})


def _standard_errors(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Standard errors of single rows: from the 95 % interval, otherwise from the metric's own column."""
    width = _column(rows, f"{metric}_high") - _column(rows, f"{metric}_low")
    ending = RANKED[metric].error
    return (width / (2 * rows["dof"].map(student))).fillna(_column(rows, f"{metric}{ending}" if ending else ""))


def _texts(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """A text column; missing values are filled in where all rows of the same model agree."""
    column = rows.get(name, pd.Series(None, rows.index, dtype=object))
    groups = rows.assign(text=column).groupby(["dataset", "model", "model_sha256"])["text"]
    shared = groups.transform(lambda texts: texts.dropna().iloc[0] if texts.nunique() == 1 else "")
    return column.fillna(shared).fillna("").astype(str)
