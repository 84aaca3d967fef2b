"""The figure and the table of docs/tune.md: python docs/tuned.py docs/tuned.svg

Reads results/tuned: the file that `benchbox tune` wrote, for the errors on held-out samples, and the rows, for the FID.
The table is printed as lines of Markdown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from benchbox import load_results
from benchbox.tuned import read_tuned

ROWS = Path(__file__).parents[1] / "results" / "tuned"
COLOURS = {"ddim": "#0072b2", "ipndm": "#d55e00", "unipc": "#009e73", "dpm-solver++2m": "#cc79a7"}
STYLES = {"recommended": ("--", "o"), "tuned": ("-", "s")}


def errors(axes: Axes) -> None:
    """The error from the same noise against NFE, with 95 % intervals."""
    file = read_tuned(ROWS / "mnist-edm.json")
    for sampler, colour in COLOURS.items():
        levels = file.of(sampler)
        for grid, (line, marker) in STYLES.items():
            intervals = [entry.held_out["errors"][grid] for entry in levels]
            values = [interval["value"] for interval in intervals]
            bars = [[abs(interval[end] - interval["value"]) for interval in intervals] for end in ("low", "high")]
            nfe = [entry.nfe for entry in levels]
            axes.errorbar(nfe, values, bars, ls=line, marker=marker, ms=4, capsize=2, color=colour)
    axes.set(xlabel="NFE", ylabel="RMS error from the same noise", yscale="log", title="held-out error")


def measured() -> pd.DataFrame:
    """The finished rows; `levels` is recommended or tuned."""
    rows = load_results(str(ROWS))
    rows["levels"] = ["tuned" if grid == "file" else "recommended" for grid in rows["grid"]]
    return rows[rows["status"] == "done"]


def fids(axes: Axes) -> None:
    """The FID against NFE: the mean over seeds, and the least and the largest."""
    rows = measured()
    for sampler, colour in COLOURS.items():
        for grid, (line, marker) in STYLES.items():
            chosen = rows[(rows["sampler"] == sampler) & (rows["levels"] == grid)]
            seeds = chosen.groupby("nfe_requested")["fid"]
            mean = seeds.mean()
            axes.fill_between(mean.index, seeds.min(), seeds.max(), color=colour, alpha=0.2, lw=0)
            label = sampler if grid == "tuned" else None
            axes.plot(mean.index, mean.to_numpy(), ls=line, marker=marker, ms=4, color=colour, label=label)
    axes.set(xlabel="NFE", ylabel="FID (mnist-cnn), 2,000 samples", yscale="log", title="FID")
    axes.legend(fontsize=8)


def over_seeds(values: pd.Series[float], digits: int) -> str:
    return f"{values.mean():.{digits}f} ({values.min():.{digits}f} … {values.max():.{digits}f})"


def table() -> None:
    """Errors with their 95 % intervals; of ode_error and FID the mean over seeds, the least and the largest."""
    seeds: dict[Any, pd.DataFrame] = dict(iter(measured().groupby(["sampler", "nfe_requested", "levels"])))
    headings = [f"{name} {grid}" for name in ("error", "`ode_error`", "FID") for grid in ("untuned", "tuned")]
    print(f"| sampler | NFE | {' | '.join(headings)} |\n|---|---|{'---|' * 6}")
    file = read_tuned(ROWS / "mnist-edm.json")
    for sampler in COLOURS:
        for entry in file.of(sampler):
            errors = [entry.held_out["errors"][grid] for grid in STYLES]
            rows = [seeds[sampler, entry.nfe, grid] for grid in STYLES]
            cells = [f"{e['value']:.3f} ({e['low']:.3f} … {e['high']:.3f})" for e in errors]
            cells += [over_seeds(row["ode_error"], 3) for row in rows]
            cells += [over_seeds(row["fid"], 2) for row in rows]
            print(f"| `{sampler}` | {entry.nfe} | {' | '.join(cells)} |")


def main(output: str) -> None:
    table()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    errors(left)
    fids(right)
    figure.suptitle("mnist-edm: solid, tuned levels (dp); dashed, the sampler's recommended grid")
    figure.savefig(output, metadata={"Date": None} if output.endswith(".svg") else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
