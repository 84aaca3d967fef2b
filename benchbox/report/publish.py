"""Publishing: rows checked, merged with those of others, and laid out as a folder, a git branch or a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from benchbox.errors import UsageError
from benchbox.report.page.site import Site, write_site
from benchbox.report.prepared import RANKED
from benchbox.report.rows import row_dicts
from benchbox.store.schema import NEEDED, STATED, scored
from benchbox.store.values import split_label, values

CARD_HEAD = "---\npretty_name: benchbox results"
"""With what the card begins."""

Keep = Literal["last", "all"]

STATUSES = {"done", "failed", "diverged", "oom", "timeout", "dishonest", "skipped"}

STREAM_COLUMNS = (
    "sampler", "sampler_options", "sampler_package", "sampler_version", "model", "model_options", "model_sha256",
    "schedule", "schedule_options", "grid", "grid_options", "seed", "dtype", "final", "guidance", "guidance_options",
)  # fmt: skip
"""What a stream is the hash of, among the columns: rows of one stream agree in it."""


def merged_rows(own: pd.DataFrame, others: Mapping[str, pd.DataFrame], keep: Keep = "last") -> pd.DataFrame:
    """Own rows and those of others, who are named in the column `source` unless the rows name somebody already.

    keep: of a cell that was measured several times `all` measurements, or the `last` one that was begun. The same
    measurement is never there twice.
    """
    parts = [own, *(_with_source(rows, name) for name, rows in others.items())]
    rows = pd.concat([p for p in parts if len(p)], ignore_index=True) if any(map(len, parts)) else own
    if "source" not in rows:
        rows = rows.assign(source=None)
    ordered = rows.sort_values(["cell", "started_at"], kind="stable", na_position="first")
    same = ["cell"] if keep == "last" else ["cell", "started_at", "host"]
    return ordered.drop_duplicates(same, keep="last" if keep == "last" else "first").reset_index(drop=True)


def _with_source(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    source = rows["source"] if "source" in rows else pd.Series(None, rows.index, dtype=object)
    return rows.assign(source=source.astype(object).where(source.notna(), name))


def check_publishable(rows: pd.DataFrame) -> None:
    """That rows can be published: whole, and honest as far as they show it. UsageError for the first that is not.

    What failed, diverged or overspent is published as such: it has no rank on any board.
    """
    if lacking := [c for c in NEEDED if c not in rows]:
        raise UsageError(f"the rows cannot be published: they lack the column {lacking[0]}.")
    for row in row_dicts(rows):
        if problem := row_fault(row):
            raise UsageError(f"cell {row['cell']} ({row['sampler']}) cannot be published: {problem}.")
    streams = rows.groupby("stream")[[name for name in STREAM_COLUMNS if name in rows]].nunique(dropna=False)
    for stream, counts in streams[(streams > 1).any(axis=1)].iterrows():
        column = counts.index[counts > 1][0]
        raise UsageError(f"stream {stream} cannot be published: its rows differ in {column}, which it is made from.")


def row_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row, None where nothing is."""
    for column in STATED:
        if row[column] in (None, "") and not (scored(row) and column in ("model", "schedule", "grid")):
            return f"it says no {column}"
    if row["status"] not in STATUSES:
        return f"its status is {row['status']!r}, not one of {', '.join(sorted(STATUSES))}"
    if row["status"] != "done":
        return None
    asked, spent = row["nfe_requested"], row["nfe_max"]
    counted = row.get("denoiser_calls") if row.get("nfe_of") == "denoiser" else spent
    if (spent is None or row["nfe"] is None) and not scored(row):
        return "it is done and does not say how many evaluations it spent"
    if spent is not None and row["nfe"] > spent:
        return f"its mean of {row['nfe']:g} evaluations is above its largest of {spent:g}"
    if asked is not None and counted is not None and counted > asked:
        return f"it is done and spent {counted:g} evaluations of a budget of {asked:g}, which is dishonest"
    stated = {value.label for value in values(row)}
    found = [(name, *split_label(name)) for name in row if row[name] is not None]
    unasked = [name for name, base, mark in found if base in RANKED and RANKED[base].metric + mark not in stated]
    return f"it has {unasked[0]} and does not say with which options that was measured" if unasked else None


def write_folder(site: Site, folder: Path) -> None:
    """The site with its rows, ready for GitHub Pages, and a data set's card. UsageError as `write_site`.

    A README.md that somebody else wrote stays.
    """
    files, readme = {".nojekyll": b""}, folder / "README.md"
    if not readme.exists() or readme.read_bytes().startswith(CARD_HEAD.encode()):
        files["README.md"] = card(site.rows).encode()
    write_site(site, folder, files)


def card(rows: pd.DataFrame) -> str:
    """What the folder is, for people and, in its head, for a hub of data sets."""
    samplers, models = rows["sampler"].nunique(), rows["model"].nunique()
    return f"""{CARD_HEAD}
tags: [diffusion, benchmark]
configs:
- config_name: default
  data_files: data/rows.parquet
---
# Results of benchbox

{len(rows):,} cells of {samplers} samplers on {models} models. `index.html` is the page; `data/rows.parquet` holds
the rows, which `benchbox leaderboard` and `benchbox publish --merge` read from this folder. The column `source`
says who measured a row; where it is empty, the publisher did.
"""
