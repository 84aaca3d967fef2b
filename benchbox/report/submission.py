"""Rows that somebody submits to a leaderboard: their samplers, and one of them chosen to be measured again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from benchbox.errors import UsageError
from benchbox.registry import registry
from benchbox.report.rows import row_dicts
from benchbox.sampler import Sampler
from benchbox.store.schema import scored
from benchbox.store.values import values

EXACT_COLUMNS = ("status", "nfe", "nfe_max", "denoiser_calls", "n_backward", "steps")
"""Columns that a second measurement must agree with exactly."""


def samplers_of(rows: pd.DataFrame) -> Iterator[tuple[str, Sampler | UsageError]]:
    """The samplers of the rows, each with its options once; a UsageError in place of one that is not installed."""
    made = rows[[not scored(row) for row in row_dicts(rows)]]
    for name, options in sorted(set(zip(made["sampler"], made["sampler_options"], strict=True))):
        try:
            yield name, registry().get("sampler", name, json.loads(options))
        except UsageError as error:
            yield name, error


def chosen_row(rows: pd.DataFrame, seed: int | None = None) -> dict[str, Any] | None:
    """A row, by chance, of those that are done and that benchbox made; None where there is none."""
    candidates = [row for row in row_dicts(rows) if row["status"] == "done" and not scored(row)]
    candidates.sort(key=lambda row: str(row["cell"]))
    return dict(random.Random(seed).choice(candidates)) if candidates else None


def differing_values(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> list[str]:
    """The columns in which a row measured again differs: a count at all, a metric by more than the relative tolerance.

    A metric's further columns (bounds, deviations) are compared on the scale of its value.
    """
    names = [name for name in EXACT_COLUMNS if old.get(name) is not None and old.get(name) != new.get(name)]
    for value in values(old):
        columns = [name + value.suffix for name in value.columns or (value.metric,)]
        numbers = {name: float(old[name]) for name in columns if isinstance(old.get(name), int | float)}
        scale = abs(numbers.get(value.label, 0.0))
        for name, number in numbers.items():
            again = new.get(name)
            agrees = isinstance(again, int | float) and abs(again - number) <= tolerance * max(scale, abs(number))
            if not agrees:
                names.append(name)
    return names
