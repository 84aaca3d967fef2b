"""A metric as a value of a row: its options, and the contents of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from benchbox.card import known_sha256
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import describe
from benchbox.store.values import Value, values


def value(metric: Metric, model: Model, label: str | None = None) -> Value:
    """The value that a metric gives of a model's samples."""
    options = json.loads(json.dumps(describe(metric)))
    files = {option: known_sha256(path) for option, path in metric.files(model).items() if path.is_file()}
    return Value(label or metric.name, options, files)


def lacking(metrics: Iterable[Metric], model: Model, row: Mapping[str, Any] | None = None) -> dict[str, Metric]:
    """Those of the metrics whose values a row lacks (None: all), by the labels that they get in it."""
    there, new = values(row or {}), dict[str, Metric]()
    for metric in metrics:
        found = value(metric, model)
        if not any(found.agrees(own) for own in there):
            found = found.beside(there)
            there.append(found)
            new[found.label] = metric
    return new


def metric_values(metrics: Mapping[str, Metric], model: Model) -> list[Value]:
    """The values of labelled metrics."""
    return [value(metric, model, label) for label, metric in metrics.items()]
