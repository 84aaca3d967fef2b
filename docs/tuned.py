"""The figure of docs/tune.md: python docs/tuned.py docs/tuned.svg

Reads results/tuned: the file that `benchbox tune` wrote, for the errors on held-out samples, and the rows, for the FID.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
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


def fids(axes: Axes) -> None:
    """The FID against NFE, the mean over seeds."""
    rows = load_results(str(ROWS))
    rows = rows[(rows["status"] == "done") & rows["fid"].notna()]
    for sampler, colour in COLOURS.items():
        for grid, (line, marker) in STYLES.items():
            chosen = rows[(rows["sampler"] == sampler) & ((rows["grid"] == "file") == (grid == "tuned"))]
            mean = chosen.groupby("nfe_requested")["fid"].mean()
            label = sampler if grid == "tuned" else None
            axes.plot(mean.index, mean.to_numpy(), ls=line, marker=marker, ms=4, color=colour, label=label)
    axes.set(xlabel="NFE", ylabel="FID (mnist-cnn), 2,000 samples", yscale="log", title="FID")
    axes.legend(fontsize=8)


def main(output: str) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    errors(left)
    fids(right)
    figure.suptitle("mnist-edm: solid, tuned levels (dp); dashed, the sampler's recommended grid")
    figure.savefig(output, metadata={"Date": None} if output.endswith(".svg") else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
