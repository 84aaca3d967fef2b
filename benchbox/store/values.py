"""The values of metrics in a row: what each was measured with, and which columns are its own.

The first value of a metric has the columns that the metric names. One of another setting stands beside it: its columns
end in `@` and 8 digits, the hash of that setting, and so does its key in `metric_options` and in `metric_values`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from benchbox.store.paths import dumps

if TYPE_CHECKING:
    import pandas as pd

MARKED = re.compile(r"(.+)(@[0-9a-f]{8})", re.DOTALL)

VALUE_COLUMNS = ("metric_options", "metric_values")
"""The columns of a row that say what its values are."""

AnyRow = Mapping[str, Any]


class Value(NamedTuple):
    """A value of a metric: its options, and the SHA-256 of its files by the option that names them.

    suffix: of its columns in the row. files, columns: None where a row does not say, as of earlier versions.
    """

    metric: str
    suffix: str
    options: Mapping[str, Any]
    files: Mapping[str, str] | None = None
    columns: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        """Its key in the columns that say what a row's values are."""
        return self.metric + self.suffix

    @property
    def setting(self) -> dict[str, Any]:
        """Its identity: the options, a file by its contents."""
        return {**self.options, **(self.files or {})}

    def agrees(self, other: Value) -> bool:
        """Whether both are one value; by the options alone where the files of one are not known."""
        if self.metric != other.metric:
            return False
        if self.files is None or other.files is None:
            return dict(self.options) == dict(other.options)
        return self.setting == other.setting

    def beside(self, others: Iterable[Value]) -> Value:
        """It under a label that it can have beside these: the metric's name, or that with the setting's hash."""
        if all(other.metric != self.metric for other in others):
            return self._replace(suffix="")
        return self._replace(suffix=f"@{hashlib.sha256(self.key.encode()).hexdigest()[:8]}")

    @property
    def key(self) -> str:
        """Metric and setting as one text."""
        return dumps([self.metric, self.setting])


def split_label(name: str) -> tuple[str, str]:
    """A label or a column without its mark, and the mark ("" where it has none)."""
    marked = MARKED.fullmatch(name)
    return (marked[1], marked[2]) if marked else (name, "")


def values(row: AnyRow) -> list[Value]:
    """The values that a row has, or was to have."""
    options, details = (_objects(row.get(name)) for name in ("metric_options", "metric_values"))
    row_values = []
    for label, own_options in options.items():
        files, columns = (details.get(label, {}).get(name) for name in ("files", "columns"))
        named = tuple(map(str, columns)) if isinstance(columns, list) else None
        row_values.append(Value(*split_label(label), own_options, files if isinstance(files, dict) else None, named))
    return row_values


def _objects(text: Any) -> dict[str, dict[str, Any]]:
    """The JSON objects in a column's JSON object, by name."""
    by_name = json.loads(text) if isinstance(text, str) else {}
    return {name: value for name, value in by_name.items() if isinstance(value, dict)}


def value_columns(row_values: Iterable[Value]) -> dict[str, str]:
    """The columns of a row that say what its values are."""
    options, details = {}, {}
    for v in row_values:
        options[v.label] = v.options
        if known := {name: x for name, x in (("files", v.files), ("columns", v.columns)) if x is not None}:
            details[v.label] = known
    return {"metric_options": dumps(options), "metric_values": dumps(details)}


def completed(row: AnyRow, other: AnyRow) -> dict[str, Any]:
    """The row with the values of another row of its cell that it lacks, as far as that says which columns they are."""
    out, there = dict(row), values(row)
    for value in values(other):
        if value.columns is None or any(value.agrees(own) for own in there):
            continue
        new = value.beside(there)
        there.append(new)
        out |= {name + new.suffix: other.get(name + value.suffix) for name in value.columns}
    return out | value_columns(there) if len(there) > len(values(row)) else out


def one_setting_per_column(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with one setting of a metric in each column; the plain columns are those of the most frequent setting.

    In a file, the plain columns hold the value that was measured first, of whatever setting.
    """
    if "metric_values" not in rows:
        return rows
    groups = dict(list(rows.groupby(["metric_options", "metric_values"], sort=False)))
    measured = {texts: values(dict(zip(VALUE_COLUMNS, texts, strict=True))) for texts in groups}
    counts: Counter[tuple[str, str]] = Counter()
    for texts, group in groups.items():
        counts.update({(value.metric, value.key): len(group) for value in measured[texts]})
    plain = {metric: key for (metric, key), _ in reversed(counts.most_common())}
    out, emptied = rows, set[str]()
    for texts, group in groups.items():
        unknown = {value.metric for value in measured[texts] if value.columns is None}
        old = [value for value in measured[texts] if value.metric not in unknown]
        new = [v.beside(() if plain[v.metric] == v.key else (v,)) for v in old]
        if new == old:
            continue
        moved = {a + y.suffix: group[a + x.suffix] for x, y in zip(old, new, strict=True) for a in x.columns or ()}
        left = {a + x.suffix for x in old for a in x.columns or ()} - moved.keys()
        rest = [value for value in measured[texts] if value.metric in unknown]
        out = out if out is not rows else rows.copy()
        for name, column in moved.items():
            out.loc[group.index, name] = column
        out.loc[group.index, sorted(left)] = None
        emptied |= left
        out.loc[group.index, list(VALUE_COLUMNS)] = list(value_columns([*rest, *new]).values())
    return out.drop(columns=[name for name in emptied if MARKED.fullmatch(name) and out[name].isna().all()])
