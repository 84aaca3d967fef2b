"""Publication: check rows, merge them with the rows of others, and write the folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from benchbox.atomic import write_bytes
from benchbox.errors import UsageError
from benchbox.report.page.folder import write_site
from benchbox.report.page.site import Site
from benchbox.report.prepared import RANKED
from benchbox.report.rows import row_dicts
from benchbox.report.table import count_of
from benchbox.store.schema import NEEDED, OF_A_RUN, STATED, scored
from benchbox.store.values import split_label, values

CARD_HEAD = "---\npretty_name: benchbox results"
"""The first lines of the card, by which it is recognised."""

WORKFLOW = ".github/workflows/submissions.yml"

Keep = Literal["last", "all"]

STATUSES = {"done", "failed", "diverged", "oom", "timeout", "dishonest", "skipped"}

STREAM_COLUMNS = (
    "sampler", "sampler_options", "sampler_package", "sampler_version", "model", "model_options", "model_sha256",
    "schedule", "schedule_options", "grid", "grid_options", "seed", "dtype", "weights_dtype", "memory_format",
    "compile", "final", "guidance", "guidance_options",    "problem", "problem_options", "measurements",
)  # fmt: skip
"""Columns that the stream hash covers: rows of one stream agree in them."""


def merged_rows(rows: pd.DataFrame, others: Mapping[str, pd.DataFrame], keep: Keep = "last") -> pd.DataFrame:
    """The rows together with those of others, by name; the column `source` names their origin, unless already set.

    keep: of a cell that was measured several times, keep `all` measurements or the one that was started `last`.
    Duplicates of one measurement are dropped.
    """
    tables = [rows, *(_with_source(theirs, name) for name, theirs in others.items())]
    merged = pd.concat([t for t in tables if len(t)], ignore_index=True) if any(map(len, tables)) else rows
    if "source" not in merged:
        merged = merged.assign(source=None)
    ordered = merged.sort_values(["cell", "started_at"], kind="stable", na_position="first")
    key = ["cell"] if keep == "last" else ["cell", "started_at", "host"]
    return ordered.drop_duplicates(key, keep="last" if keep == "last" else "first").reset_index(drop=True)


def _with_source(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    source = rows["source"] if "source" in rows else pd.Series(None, rows.index, dtype=object)
    return rows.assign(source=source.astype(object).where(source.notna(), name))


def check_publishable(rows: pd.DataFrame) -> None:
    """Check that rows are complete and consistent. UsageError for the first that is not.

    Cells that failed, diverged or overspent are published as such; they have no rank on any board.
    """
    if missing := [c for c in NEEDED if c not in rows]:
        raise UsageError(f"the rows cannot be published: the column {missing[0]} is missing.")
    for row in row_dicts(rows):
        if problem := row_fault(row):
            raise UsageError(f"cell {row['cell']} ({row['sampler']}) cannot be published: {problem}.")
    streams = rows.groupby("stream")[[name for name in STREAM_COLUMNS if name in rows]].nunique(dropna=False)
    for stream, counts in streams[(streams > 1).any(axis=1)].iterrows():
        column = counts.index[counts > 1][0]
        raise UsageError(
            f"stream {stream} cannot be published: its rows differ in {column}, which the stream hash covers."
        )


def row_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row; None if nothing is."""
    for column in STATED:
        if row[column] in (None, "") and not (scored(row) and column in OF_A_RUN):
            return f"{column} is missing"
    if row["status"] not in STATUSES:
        return f"its status is {row['status']!r}, not one of {', '.join(sorted(STATUSES))}"
    if row["status"] != "done":
        return None
    budget, spent = row["nfe_requested"], row["nfe_max"]
    counted = row.get("denoiser_calls") if row.get("nfe_of") == "denoiser" else spent
    if (spent is None or row["nfe"] is None) and not scored(row):
        return "its status is done, but its number of evaluations is missing"
    if spent is not None and row["nfe"] > spent:
        return f"its mean number of evaluations, {row['nfe']:g}, exceeds its maximum, {spent:g}"
    if budget is not None and counted is not None and counted > budget:
        return f"its status is done, but it spent {counted:g} evaluations of a budget of {budget:g}: it is dishonest"
    stated = {value.label for value in values(row)}
    columns = [(name, *split_label(name)) for name in row if row[name] is not None]
    unstated = [name for name, base, mark in columns if base in RANKED and RANKED[base].metric + mark not in stated]
    return f"it has a value of {unstated[0]} without the options of the metric" if unstated else None


def write_folder(site: Site, folder: Path) -> None:
    """Write the site, ready for GitHub Pages, with a data set card. UsageError as in `write_site`.

    A README.md that benchbox did not write is kept.
    """
    files, readme = {".nojekyll": b""}, folder / "README.md"
    if not readme.exists() or readme.read_bytes().startswith(CARD_HEAD.encode()):
        files["README.md"] = card(site.rows).encode()
    write_site(site, folder, files)


def write_workflow(folder: Path) -> None:
    """Write the GitHub workflow that runs `benchbox submit` on the rows that a pull request adds.

    An existing one is kept: the keeper has set in it where benchbox is installed from.
    """
    target = folder / WORKFLOW
    if not target.exists():
        target.parent.mkdir(parents=True)
        write_bytes(target, resources.files("benchbox.report").joinpath(target.name).read_bytes())


def card(rows: pd.DataFrame) -> str:
    """The README.md of the folder; its front matter is for the Hugging Face hub."""
    samplers, models = (count_of(rows[kind].nunique(), kind) for kind in ("sampler", "model"))
    return f"""{CARD_HEAD}
tags: [diffusion, benchmark]
configs:
- config_name: default
  data_files: data/rows.parquet
---
# Results of benchbox

{count_of(len(rows), "cell")} of {samplers} on {models}. `index.html` is the site; `data/rows.parquet` contains
the rows, which `benchbox leaderboard` and `benchbox publish --merge` read from this folder. The column `source`
names the origin of a row; if it is empty, the publisher measured it.

To submit rows of your own, check them with `benchbox submit DIRECTORY`, as the keeper of these results does, and send
them; on GitHub, by a pull request that adds them as `submissions/NAME/*.parquet`.
"""
