"""The values of metrics in a row: identified by the metric's options and the contents of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from benchbox.card import known_sha256
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import describe
from benchbox.store.schema import ORDER
from benchbox.store.values import Value, values


def value(metric: Metric, model: Model, label: str | None = None) -> Value:
    """The value of a metric of a model's samples."""
    options = json.loads(json.dumps(describe(metric)))
    files = {option: known_sha256(path) for option, path in metric.files(model).items() if path.is_file()}
    return Value(label or metric.name, options, files)


def missing_metrics(metrics: Iterable[Metric], model: Model, row: Mapping[str, Any] | None = None) -> dict[str, Metric]:
    """The metrics whose values a row lacks (no row: all), by the labels that they get in it."""
    row_values, missing = values(row or {}), dict[str, Metric]()
    for metric in metrics:
        candidate = value(metric, model)
        if not any(candidate.agrees(stored) for stored in row_values):
            candidate = candidate.beside(row_values)
            row_values.append(candidate)
            missing[candidate.label] = metric
    return missing


def metric_values(metrics: Mapping[str, Metric], model: Model) -> list[Value]:
    """The values of labelled metrics."""
    return [value(metric, model, label) for label, metric in metrics.items()]


def plain_columns(metric: Metric, computed: dict[str, Any]) -> dict[str, Any]:
    """The columns that a metric computed, as a row can hold them. TypeError for a name or a value that is not valid."""
    for name, x in computed.items():
        if name in ORDER or not (x is None or isinstance(x, str | Real)):
            raise TypeError(f"metric {metric.name} gave {name} = {x!r}, which is not a column of numbers or text")
    return {name: x if x is None or isinstance(x, str) else float(x) for name, x in computed.items()}
