"""Ranks, from rows alone: only what may be compared is ranked together."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from rich.table import Table
from rich.text import Text

BEST_FIRST = ("fid", "w2", "sw2")
"""Metrics that are ranked, the lower the better, in the order in which a board is chosen for a row."""

SAME = ["metric", "dataset", "model", "features", "n_samples"]
"""Rows that differ in any of these are never ranked together."""

SHOWN = ["rank", "sampler", "sampler_options", "schedule", "grid", "seed", "nfe", "value", "wall_s", "samples_per_s", "status", "reason"]


def boards(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per row and metric with its rank within its board and budget; what is not `done` has no rank."""
    parts = []
    for metric in (m for m in BEST_FIRST if m in rows):
        features = rows[f"{metric}_features"] if f"{metric}_features" in rows else None
        part = rows.assign(metric=metric, value=rows[metric], features=features if features is not None else "")
        parts.append(part[part["value"].notna() | (part["status"] != "done")])
    if not parts:
        return rows.assign(metric="", value=float("nan"), features="", rank=float("nan"))
    board = pd.concat(parts, ignore_index=True)
    board["features"] = board["features"].fillna("")
    honest = board[(board["status"] == "done") & board["value"].notna()]
    keys = [*SAME, "nfe_requested"]
    board["rank"] = honest.groupby(keys, dropna=False)["value"].rank(method="min")
    columns = [*SAME, "nfe_requested", *SHOWN]
    return board.sort_values([*SAME, "nfe_requested", "rank"])[columns].reset_index(drop=True)


def tables(board: pd.DataFrame) -> Iterator[Table]:
    """A rich table per board and budget."""
    for keys, part in board.groupby([*SAME, "nfe_requested"], dropna=False, sort=True):
        metric, dataset, model, features, n_samples, nfe = keys
        budget = "adaptive" if pd.isna(nfe) else f"NFE {int(nfe)}"
        title = f"{model}, {budget}: {metric}{f' ({features})' if features else ''} of {n_samples} samples against {dataset}"
        table = Table(title=title, title_justify="left")
        for name in SHOWN[:-2]:
            table.add_column(name, justify="left" if name.startswith("s") and name not in {"seed", "samples_per_s"} else "right")
        table.add_column("status")
        for line in part.to_dict("records"):
            cells = [text(line[name]) for name in SHOWN[:-2]]
            reason = "" if pd.isna(line["reason"]) else f" ({line['reason']})"
            table.add_row(*cells, Text(f"{line['status']}{reason}"))
        yield table


def text(value: object) -> Text:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return Text("–")
    return Text(f"{value:.4g}" if isinstance(value, float) else str(value))
